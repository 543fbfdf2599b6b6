/* SPDX-License-Identifier: MIT */
/* The model as a whole: making it, feeding it, losses, and the accessors. What events mean is in the other files. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "model/impl.h"
#include "trace/event_info.h"

static int keep_text(struct model *m, const char **text, size_t len)
{
	const struct interned *copy;

	if (!*text)
		return 0;
	copy = intern(&m->pool, *text, len);
	if (!copy)
		return -ENOMEM;
	*text = copy->data;
	return 0;
}

int model_new(struct model **ret, const struct model_options *options)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->options = *options;
	m->target = MODEL_NONE;
	if (keep_text(m, &m->options.command, options->command_len) < 0 ||
	    (options->sources_why &&
	     keep_text(m, &m->options.sources_why, strlen(options->sources_why)) < 0)) {
		model_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void model_free(struct model *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->process_count; i++) {
		end_argv(m, (uint32_t)i);
		fds_of_exit(m, (uint32_t)i);
	}
	free(m->processes);
	free(m->work);
	free(m->born);
	free(m->threads);
	free(m->images);
	free(m->failed);
	free(m->files);
	free(m->stamps);
	free(m->passes);
	free(m->pass_files);
	free(m->received);
	free(m->passers);
	free(m->scratch.entries);
	free(m->changes);
	free(m->seen_tables);
	free_facts(m);
	free_said(m);
	free(m->gaps);
	free(m->losses);
	hashmap_free(&m->by_key);
	hashmap_free(&m->by_pid);
	hashmap_free(&m->by_ns_pid);
	hashmap_free(&m->by_tid);
	hashmap_free(&m->by_file);
	hashmap_free(&m->by_ino);
	hashmap_free(&m->pipe_tables);
	hashmap_free(&m->by_passer);
	hashmap_free(&m->sends_to);
	hashmap_free(&m->recvs_at);
	hashmap_free(&m->by_open_call);
	free(m->calls);
	free(m->modules);
	intern_free(&m->pool);
	free(m);
}

static int add_loss(struct model *m, const struct fs_ev_lost *e)
{
	unsigned type = e->lost_type < FS_EV_MAX ? e->lost_type : FS_EV_MAX - 1;

	if (grow(&m->gaps, &m->gap_room, m->gap_count, 1, sizeof(*m->gaps)) < 0)
		return -ENOMEM;
	m->gaps[m->gap_count++] = (struct gap){
		.from_ts = e->from_ns <= e->to_ns ? e->from_ns : e->to_ns,
		.to_ts = e->from_ns <= e->to_ns ? e->to_ns : e->from_ns,
		.count = e->count,
		.type = type,
	};
	m->lost += e->count;
	m->lost_of[type] += e->count;
	return 0;
}

int model_add(struct model *m, const struct fs_event *e)
{
	int ret;

	m->events++;
	if (!m->first_ts || e->ts_ns < m->first_ts)
		m->first_ts = e->ts_ns;
	if (e->ts_ns > m->last_ts)
		m->last_ts = e->ts_ns;
	if (e->type == FS_EV_LOST)
		return add_loss(m, (const struct fs_ev_lost *)(const void *)e);
	ret = add_fact(m, e);
	if (ret < 0)
		return ret;
	ret = add_life(m, e);
	if (ret == 1)
		ret = add_image(m, e);
	if (ret == 1)
		ret = add_fds(m, e);
	if (ret == 1)
		ret = add_pass(m, e);
	if (ret == 1)
		ret = add_intent(m, e);
	if (ret == 1)
		ret = add_said(m, e);
	return ret == 1 ? 0 : ret;
}

static int by_time(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	if (x->from_ts != y->from_ts)
		return x->from_ts < y->from_ts ? -1 : 1;
	return x->to_ts < y->to_ts ? -1 : x->to_ts > y->to_ts;
}

static int by_type(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	return x->type != y->type ? (x->type < y->type ? -1 : 1) : by_time(a, b);
}

/* So that "was anything of this type lost then?" is quick: it is asked for every process. */
static int index_losses(struct model *m)
{
	size_t i, n = 0;
	unsigned type;

	free(m->losses);
	m->losses = calloc(m->gap_count + 1, sizeof(*m->losses));
	if (!m->losses)
		return -ENOMEM;
	if (m->gap_count) {
		memcpy(m->losses, m->gaps, m->gap_count * sizeof(*m->losses));
		qsort(m->losses, m->gap_count, sizeof(*m->losses), by_type);
	}
	for (i = 0; i < m->gap_count; i++) {
		const struct gap *g = &m->losses[i];

		if (!g->count)
			continue;
		if (n && m->losses[n - 1].type == g->type && g->from_ts <= m->losses[n - 1].to_ts) {
			if (g->to_ts > m->losses[n - 1].to_ts)
				m->losses[n - 1].to_ts = g->to_ts;
			continue;
		}
		m->losses[n++] = *g;
	}
	m->loss_count = n;
	for (type = 0, i = 0; type <= FS_EV_MAX; type++) {
		while (i < n && m->losses[i].type < type)
			i++;
		m->loss_from[type] = i;
	}
	return 0;
}

int model_finish(struct model *m)
{
	int err;

	if (m->gap_count)
		qsort(m->gaps, m->gap_count, sizeof(*m->gaps), by_time);
	sum_up_said(m);
	err = index_losses(m);
	return err < 0 ? err : judge(m);
}

int model_set_incomplete(struct model *m, const char *why)
{
	m->options.incomplete = true;
	m->options.incomplete_why = why;
	return keep_text(m, &m->options.incomplete_why, why ? strlen(why) : 0);
}

/* --- accessors ----------------------------------------------------------------------------- */

const struct model_options *model_options(const struct model *m)
{
	return &m->options;
}

uint64_t model_events(const struct model *m)
{
	return m->events;
}

uint64_t model_first_ts(const struct model *m)
{
	return m->first_ts;
}

uint64_t model_last_ts(const struct model *m)
{
	return m->last_ts;
}

size_t model_process_count(const struct model *m)
{
	return m->process_count;
}

const struct process *model_process(const struct model *m, uint32_t index)
{
	return index < m->process_count ? &m->processes[index] : NULL;
}

size_t model_born_count(const struct model *m)
{
	return m->born_count;
}

uint32_t model_born(const struct model *m, size_t number)
{
	return number < m->born_count ? m->born[number] : MODEL_NONE;
}

uint32_t model_target(const struct model *m)
{
	return m->target;
}

const struct thread *model_thread(const struct model *m, uint32_t index)
{
	return index < m->thread_count ? &m->threads[index] : NULL;
}

const struct image *model_image(const struct model *m, uint32_t index)
{
	return index < m->image_count ? &m->images[index] : NULL;
}

const struct image *model_failed_exec(const struct model *m, uint32_t index)
{
	return index < m->failed_count ? &m->failed[index] : NULL;
}

size_t model_file_count(const struct model *m)
{
	return m->file_count;
}

const struct file *model_file(const struct model *m, uint32_t index)
{
	return index < m->file_count ? &m->files[index] : NULL;
}

size_t model_pass_count(const struct model *m)
{
	return m->pass_count;
}

const struct fd_pass *model_pass(const struct model *m, size_t index)
{
	return index < m->pass_count ? &m->passes[index] : NULL;
}

const struct pass_file *model_pass_file(const struct model *m, size_t index)
{
	return index < m->pass_file_count ? &m->pass_files[index] : NULL;
}

uint64_t model_lost(const struct model *m)
{
	return m->lost;
}

uint64_t model_lost_of(const struct model *m, unsigned type)
{
	return type < FS_EV_MAX ? m->lost_of[type] : 0;
}

size_t model_gap_count(const struct model *m)
{
	return m->gap_count;
}

const struct gap *model_gap(const struct model *m, size_t index)
{
	return index < m->gap_count ? &m->gaps[index] : NULL;
}

bool model_lost_between(const struct model *m, unsigned type, uint64_t from_ts, uint64_t to_ts)
{
	size_t low, high, mid;

	if (!model_lost_of(m, type) || !m->losses)
		return false;
	/* The last one that began in time; disjoint and in order, so none before it lasts longer. */
	low = m->loss_from[type];
	high = m->loss_from[type + 1];
	while (low < high) {
		mid = low + (high - low) / 2;
		if (!to_ts || m->losses[mid].from_ts <= to_ts)
			low = mid + 1;
		else
			high = mid;
	}
	return low > m->loss_from[type] && m->losses[low - 1].to_ts >= from_ts;
}

const char *model_event_class(unsigned type)
{
	const char *name = event_type_name(type);

	return name ? name : "other";
}

/* --- durations ----------------------------------------------------------------------------- */

static bool between(uint64_t from, uint64_t to, uint64_t *ret)
{
	if (!from || !to || to < from)
		return false;
	*ret = to - from;
	return true;
}

bool process_call_ns(const struct process *p, uint64_t *ret)
{
	return between(p->call_enter_ts, p->call_done_ts, ret);
}

static uint64_t first_exec_ts(const struct model *m, const struct process *p)
{
	const struct image *image = model_image(m, p->first_image);

	return image ? image->ts : 0;
}

bool process_window_ns(const struct model *m, const struct process *p, uint64_t *ret)
{
	if (!p->knows_fork)
		return false;
	/* The exec itself was lost: nobody knows when the window closed. */
	if (p->execed && p->first_image == MODEL_NONE)
		return false;
	return between(p->birth_ts, p->execed ? first_exec_ts(m, p) : p->end_ts, ret);
}

bool process_suspended_ns(const struct model *m, const struct process *p, uint64_t *ret)
{
	if (!p->knows_fork || !(p->clone_flags & CLONE_VFORK))
		return false;
	return between(p->birth_ts, p->call_done_ts, ret) || process_window_ns(m, p, ret);
}

bool process_zombie_ns(const struct process *p, uint64_t *ret)
{
	return p->reaped && !p->reap_unsure && between(p->end_ts, p->reap_ts, ret);
}

uint64_t process_asked_ts(const struct model *m, const struct process *p)
{
	uint32_t at = m->work[p - m->processes].request,
		 stop = m->work[p - m->processes].request_stop;
	uint64_t asked = 0;

	if (p->start_method == START_FORKSERVER)
		for (; at != MODEL_NONE && at != stop; at = m->passes[at].prev_recv)
			if (m->passes[at].for_process == (uint32_t)(p - m->processes) &&
			    m->passes[at].sent_ts)
				asked = m->passes[at].sent_ts;
	if (asked)
		return asked;
	return p->call_enter_ts ? p->call_enter_ts : p->birth_ts;
}

const char *start_method_name(enum start_method s)
{
	static const char *const names[] = {
		[START_INITIAL] = "initial",
		[START_ATTACHED] = "attached",
		[START_FORK] = "fork",
		[START_SPAWN] = "spawn",
		[START_FORKSERVER] = "forkserver",
	};

	return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : NULL;
}

const char *role_name(enum role r)
{
	static const char *const names[] = {
		[ROLE_RESOURCE_TRACKER] = "resource_tracker",
		[ROLE_FORKSERVER] = "forkserver",
		[ROLE_WORKER] = "worker",
		[ROLE_SPARE] = "spare",
		[ROLE_ZYGOTE] = "zygote",
	};

	return (unsigned)r < sizeof(names) / sizeof(names[0]) ? names[r] : NULL;
}
