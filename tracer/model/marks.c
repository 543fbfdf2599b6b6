/* SPDX-License-Identifier: MIT */
/*
 * See marks.h. A worker and its pool both tell of it, in any order, by the pool's number and the worker's in it. A
 * single process (pp_process) has no pool: it is known by itself.
 */
#include "model/marks.h"

#include <errno.h>
#include <stdlib.h>

#include "model/impl.h"
#include "trace/event_info.h"

static int text_of(struct model *m, const struct fs_event *e, const struct interned **ret)
{
	struct event_text text = event_words(e);

	*ret = text.len ? intern(&m->pool, text.text, text.len) : NULL;
	return text.len && !*ret ? -ENOMEM : 0;
}

/* Whose event it is. Beside the kernel witness a process that it has not told of stays unknown. */
static int who(struct model *m, const struct fs_event *e, uint32_t *ret)
{
	if (e->start_ns || !m->options.bpf)
		return get_actor(m, e, ret);
	*ret = model_find_process(m, e->pid, 0);
	return 0;
}

/* --- marks --------------------------------------------------------------------------------- */

static int end_span(struct model *m, uint32_t process, const struct fs_ev_mark *e)
{
	uint64_t at;

	if (!hashmap_get(&m->said.by_span, e->id, process, &at))
		return 0;
	m->said.marks[at].end_ts = e->h.ts_ns;
	hashmap_remove(&m->said.by_span, e->id, process);
	return 0;
}

static int add_mark(struct model *m, const struct fs_ev_mark *e)
{
	struct said *s = &m->said;
	struct mark mark = { .ts = e->h.ts_ns, .value = e->value, .id = e->id, .tid = e->h.tid };
	int err = who(m, &e->h, &mark.process);

	if (err < 0)
		return err;
	if (e->h.type == FS_EV_SPAN_END)
		return end_span(m, mark.process, e);
	mark.kind = e->h.type == FS_EV_SPAN_BEGIN ? MARK_SPAN
		    : e->h.type == FS_EV_NAME	  ? MARK_NAME
						  : MARK_INSTANT;
	err = text_of(m, &e->h, &mark.name);
	if (err == 0 && grow(&s->marks, &s->mark_room, s->mark_count, 1, sizeof(mark)) < 0)
		err = -ENOMEM;
	if (err == 0 && mark.kind == MARK_SPAN)
		err = hashmap_put(&s->by_span, e->id, mark.process, s->mark_count);
	if (err < 0)
		return err;
	s->marks[s->mark_count++] = mark;
	return 0;
}

/* --- pools and their workers --------------------------------------------------------------- */

/* The pool of this number; 0: of nobody. Made when it is not known. */
static int get_pool(struct model *m, uint64_t id, uint32_t *ret)
{
	struct said *s = &m->said;
	uint64_t at;
	int err;

	*ret = MODEL_NONE;
	if (!id)
		return 0;
	if (hashmap_get(&s->by_pool, id, 0, &at)) {
		*ret = (uint32_t)at;
		return 0;
	}
	if (grow(&s->pools, &s->pool_room, s->pool_count, 1, sizeof(*s->pools)) < 0)
		return -ENOMEM;
	err = hashmap_put(&s->by_pool, id, 0, s->pool_count);
	if (err < 0)
		return err;
	*ret = (uint32_t)s->pool_count;
	s->pools[s->pool_count++] = (struct pool){ .id = id,
						   .process = MODEL_NONE,
						   .first_worker = MODEL_NONE,
						   .last_worker = MODEL_NONE };
	return 0;
}

/* The worker that an event is about, which is made when it is not known. */
static int get_worker(struct model *m, uint32_t actor, const struct fs_ev_pool *e, uint32_t *ret)
{
	struct said *s = &m->said;
	uint64_t number = e->pool ? e->worker : (uint64_t)actor << 32 | e->h.tid, at;
	uint32_t pool;
	int err = get_pool(m, e->pool, &pool);

	if (err < 0)
		return err;
	if (hashmap_get(&s->by_worker, e->pool, number, &at)) {
		*ret = (uint32_t)at;
		return 0;
	}
	if (s->worker_count >= MODEL_NONE ||
	    grow(&s->workers, &s->worker_room, s->worker_count, 1, sizeof(*s->workers)) < 0)
		return -ENOMEM;
	err = hashmap_put(&s->by_worker, e->pool, number, s->worker_count);
	if (err < 0)
		return err;
	*ret = (uint32_t)s->worker_count;
	s->workers[s->worker_count++] = (struct pool_worker){ .pool = pool,
							      .process = MODEL_NONE,
							      .first_run = MODEL_NONE,
							      .last_run = MODEL_NONE,
							      .next = MODEL_NONE };
	if (pool != MODEL_NONE)
		s->pools[pool].workers++;
	return 0;
}

/* Who it is: its own word counts more than its pool's, which may stand in another pid namespace. */
static void name_worker(struct model *m, struct pool_worker *w, uint32_t actor,
			const struct fs_ev_pool *e)
{
	switch (e->h.type) {
	case FS_EV_WORKER_READY:
	case FS_EV_TASK_START:
		w->process = actor;
		w->tid = e->h.tid;
		break;
	default:
		if (w->process != MODEL_NONE || !e->worker_pid)
			break;
		w->tid = e->worker_pid;
		w->process = e->start_method == FS_POOL_THREAD
				     ? actor
				     : model_find_process(m, e->worker_pid, 0);
	}
}

/* --- runs ---------------------------------------------------------------------------------- */

/* The run of this worker and record, which is made when it is not known. */
static int get_run(struct model *m, uint32_t worker, const struct fs_ev_pool *e,
		   struct task_run **ret)
{
	struct said *s = &m->said;
	struct pool_worker *w;
	struct task_run *run;
	uint64_t at;
	int err;

	if (hashmap_get(&s->by_run, worker, e->record, &at)) {
		*ret = &s->runs[at];
		return 0;
	}
	if (s->run_count >= MODEL_NONE ||
	    grow(&s->runs, &s->run_room, s->run_count, 1, sizeof(*s->runs)) < 0)
		return -ENOMEM;
	err = hashmap_put(&s->by_run, worker, e->record, s->run_count);
	if (err < 0)
		return err;
	w = &s->workers[worker];
	if (w->last_run == MODEL_NONE)
		w->first_run = (uint32_t)s->run_count;
	else
		s->runs[w->last_run].next = (uint32_t)s->run_count;
	w->last_run = (uint32_t)s->run_count;
	run = &s->runs[s->run_count++];
	*run = (struct task_run){ .first = e->task,
				  .record = e->record,
				  .count = e->count ? e->count : 1,
				  .attempt = e->attempt,
				  .worker = worker,
				  .next = MODEL_NONE };
	*ret = run;
	return 0;
}

static int add_run(struct model *m, uint32_t worker, const struct fs_ev_pool *e)
{
	struct pool_worker *w = &m->said.workers[worker];
	struct task_run *run;
	int err = get_run(m, worker, e, &run);

	if (err < 0)
		return err;
	switch (e->h.type) {
	case FS_EV_TASK_SUBMIT:
		run->queued_ts = e->h.ts_ns;
		return text_of(m, &e->h, &run->task);
	case FS_EV_TASK_START:
		run->start_ts = e->h.ts_ns;
		w->tasks += run->count;
		w->runs++;
		break;
	default:
		run->end_ts = e->h.ts_ns;
		run->failed = e->code > 0 ? (uint32_t)e->code : 0;
		w->failed += run->failed;
		if (run->start_ts && run->start_ts < run->end_ts)
			w->busy_ns += run->end_ts - run->start_ts;
		/* A worker that is long-lived counts its records on: this one will not be heard of again. */
		if (run->queued_ts)
			hashmap_remove(&m->said.by_run, worker, e->record);
		break;
	}
	return 0;
}

static int add_pool_event(struct model *m, const struct fs_ev_pool *e)
{
	uint32_t actor, pool, worker;
	struct pool_worker *w;
	int err = who(m, &e->h, &actor);

	if (err < 0 || actor == MODEL_NONE)
		return err;
	switch (e->h.type) {
	case FS_EV_POOL_OPEN:
	case FS_EV_POOL_CLOSE:
		err = get_pool(m, e->pool, &pool);
		if (err < 0 || pool == MODEL_NONE)
			return err;
		m->said.pools[pool].process = actor;
		if (e->h.type == FS_EV_POOL_CLOSE) {
			m->said.pools[pool].close_ts = e->h.ts_ns;
			return 0;
		}
		m->said.pools[pool].open_ts = e->h.ts_ns;
		m->said.pools[pool].start_method = e->start_method;
		m->said.pools[pool].wanted = e->code > 0 ? (uint32_t)e->code : 0;
		return 0;
	}
	err = get_worker(m, actor, e, &worker);
	if (err < 0)
		return err;
	w = &m->said.workers[worker];
	name_worker(m, w, actor, e);
	switch (e->h.type) {
	case FS_EV_WORKER_START:
		w->start_ts = e->h.ts_ns;
		return 0;
	case FS_EV_WORKER_READY:
		w->ready_ts = e->h.ts_ns;
		return 0;
	case FS_EV_WORKER_EXIT:
		w->exit_ts = e->h.ts_ns;
		return 0;
	default:
		return add_run(m, worker, e);
	}
}

int add_said(struct model *m, const struct fs_event *e)
{
	if ((e->type >= FS_EV_MARK && e->type <= FS_EV_SPAN_END) || e->type == FS_EV_NAME)
		return add_mark(m, (const struct fs_ev_mark *)e);
	if (e->type >= FS_EV_POOL_OPEN && e->type <= FS_EV_TASK_DONE)
		return add_pool_event(m, (const struct fs_ev_pool *)e);
	return 1;
}

void sum_up_said(struct model *m)
{
	struct said *s = &m->said;

	for (size_t i = 0; i < s->worker_count; i++) {
		const struct pool_worker *w = &s->workers[i];
		struct pool *p;

		if (w->pool == MODEL_NONE)
			continue;
		p = &s->pools[w->pool];
		p->tasks += w->tasks;
		p->failed += w->failed;
		if (p->last_worker == MODEL_NONE)
			p->first_worker = (uint32_t)i;
		else
			s->workers[p->last_worker].next = (uint32_t)i;
		p->last_worker = (uint32_t)i;
	}
}

void free_said(struct model *m)
{
	struct said *s = &m->said;

	free(s->marks);
	free(s->pools);
	free(s->workers);
	free(s->runs);
	hashmap_free(&s->by_span);
	hashmap_free(&s->by_pool);
	hashmap_free(&s->by_worker);
	hashmap_free(&s->by_run);
}

/* --- look-ups ------------------------------------------------------------------------------ */

size_t model_mark_count(const struct model *m)
{
	return m->said.mark_count;
}

const struct mark *model_mark(const struct model *m, size_t index)
{
	return index < m->said.mark_count ? &m->said.marks[index] : NULL;
}

size_t model_pool_count(const struct model *m)
{
	return m->said.pool_count;
}

const struct pool *model_pool(const struct model *m, uint32_t index)
{
	return index < m->said.pool_count ? &m->said.pools[index] : NULL;
}

size_t model_worker_count(const struct model *m)
{
	return m->said.worker_count;
}

const struct pool_worker *model_worker(const struct model *m, uint32_t index)
{
	return index < m->said.worker_count ? &m->said.workers[index] : NULL;
}

size_t model_run_count(const struct model *m)
{
	return m->said.run_count;
}

const struct task_run *model_run(const struct model *m, uint32_t index)
{
	return index < m->said.run_count ? &m->said.runs[index] : NULL;
}

const char *pool_method_name(const struct pool *p)
{
	static const char *const names[] = { NULL, "fork", "spawn", "forkserver", "thread" };

	return p->start_method <= FS_POOL_THREAD ? names[p->start_method] : NULL;
}
