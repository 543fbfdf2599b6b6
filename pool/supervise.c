/* SPDX-License-Identifier: MIT */
/*
 * Workers' lives: starting, replacing, and what happens to a dead worker's items.
 *
 * When a worker has ended, however: what it published is drained; whole items of the record it had open are
 * taken; the one item its `run` word says it was in is blamed (died, or timed out or cancelled when that is
 * why it was killed; or tried again); everything else it had goes back to the front of the queue as if never
 * handed out. So each item ends exactly once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "forkscope/probes.h"
#include "pool.h"

#define FAILED_STARTS_MAX 8u
#define RETRY_START (10 * MS)

/* ---- back into the queue ---- */

/* The bytes of item i of a record in the submit ring, which the worker cannot write. */
static const uint8_t *ring_item(const struct lane *lane, const struct inflight *e, uint32_t i,
				size_t *ret_len)
{
	const struct sub_rec *rec = (const void *)(lane->ch.map.sub + e->at);
	uint32_t start = i ? lane_align(rec->ends[i - 1] & END_MASK) : sub_data(rec->count);

	*ret_len = (rec->ends[i] & END_MASK) - start;
	return (const uint8_t *)rec + start;
}

static void requeue_future(struct lane *lane, struct inflight *e, struct pp_future *f)
{
	f->lane = NULL;
	if (f->drop) {
		if (f->freed)
			future_recycle(lane->pool, f);
		return;
	}
	if (!f->in_arena) {
		size_t len;
		const uint8_t *bytes = ring_item(lane, e, 0, &len);
		void *copy = malloc(len ? len : 1);

		if (!copy) {
			end_item_badly(lane->pool, &f->work, 0, f->attempts, PP_CANCELLED, -ENOMEM,
				       NULL, 0, "no memory to queue it again");
			return;
		}
		memcpy(copy, bytes, len);
		f->in = copy;
		f->in_copied = true;
	}
	pending_add(&f->work, true);
}

/* Items done .. count-1 of an entry, which its worker will not run. `attempt` is the first one's. */
static void requeue(struct lane *lane, struct inflight *e, unsigned attempt)
{
	if (e->work && e->work->kind == WORK_FUTURE) {
		struct pp_future *f = container_of(e->work, struct pp_future, work);

		f->attempts = attempt;
		requeue_future(lane, e, f);
	} else if (e->work) {
		struct pp_results *b = container_of(e->work, struct pp_results, work);

		b->inflight--;
		if (!b->cancelled) {
			uint32_t first = attempt != e->attempt ? 1 : e->count - e->done;

			if (e->count - e->done > first)
				batch_requeue(lane->pool, b, e->first + e->done + first,
					      e->count - e->done - first, 0);
			batch_requeue(lane->pool, b, e->first + e->done, first, attempt);
		}
		batch_maybe_end(lane->pool, b);
	}
}

static unsigned entries_open(struct lane *lane)
{
	unsigned n = 0;
	uint64_t seq;

	for (seq = lane->first_seq; seq < lane->next_seq; seq++)
		n += entry_of(lane, seq)->state == ENTRY_OPEN;
	return n;
}

/*
 * Idle workers get what waits behind a long item elsewhere. Only looked at when the caller is about to sleep.
 */
void rebalance_locked(struct pp_pool *pool)
{
	struct lane *from = NULL, *idle = NULL;
	unsigned i, most = 1, open;
	uint64_t seq;

	if (!list_empty(&pool->pending))
		return;
	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		if (!lane || !lane->used || !lane->active)
			continue;
		if (!lane->n_inflight && !lane->retiring)
			idle = lane;
		open = lane->n_inflight > most ? entries_open(lane) : 0;
		if (open > most) {
			from = lane;
			most = open;
		}
	}
	if (!from || !idle)
		return;
	/* The later half, from the end, so that what the worker will reach next is left to it. */
	for (seq = from->next_seq - 1, open = most / 2; open > 0; seq--) {
		struct inflight *e = entry_of(from, seq);

		if (e->state == ENTRY_REVOKED)
			continue;
		if (!e->work || !take_back(from, seq))
			break;
		requeue(from, e, e->attempt);
		open--;
	}
	pool->current = idle;
	dispatch_locked(pool);
}

/* ---- the end of a worker ---- */

void record_insight(struct lane *lane)
{
	const struct lane_worker *w = lane->ch.map.worker;
	struct pp_worker_insight *in = &lane->pool->places[lane->place].last;
	int64_t now = now_ns(), since = load_relaxed(&w->since_ns);
	bool ready = load_acquire(&w->state) != LANE_STARTING, busy = load_relaxed(&w->busy) != 0;

	in->pid = lane_pid(lane);
	in->start_ns = lane->ch.map.boot->start_ns;
	in->ready_ns = ready ? w->ready_ns - in->start_ns : -1;
	in->init_ns = load_relaxed(&w->init_ns);
	in->busy_ns = load_relaxed(&w->busy_ns) + (ready && busy ? now - since : 0);
	in->waiting_ns = load_relaxed(&w->waiting_ns) + (ready && !busy ? now - since : 0);
	in->items = load_relaxed(&w->items);
	in->running = load_relaxed(&w->run) & 1;
}

static void describe(const struct ending *ending, bool thread, char *text, size_t size)
{
	if (thread)
		snprintf(text, size, "its thread ended while running it");
	else if (ending->signal > 0)
		snprintf(text, size, "its worker died of signal %d (%s)%s", ending->signal,
			 sigdescr_np(ending->signal) ? sigdescr_np(ending->signal) : "unknown",
			 ending->core ? ", core dumped" : "");
	else if (ending->exit_status >= 0)
		snprintf(text, size, "its worker exited with status %d while running it",
			 ending->exit_status);
	else
		snprintf(text, size, "its worker died; somebody else took its exit status");
}

/* The item the worker was in when it ended. Returns true when it is to be tried again. */
static bool blame(struct lane *lane, struct inflight *e, unsigned attempts,
		  const struct ending *ending)
{
	struct pp_pool *pool = lane->pool;
	size_t i = e->first + e->done;
	char text[160];
	pid_t pid = lane_pid(lane);

	if (lane->why == KILLED_TIMEOUT) {
		snprintf(text, sizeof(text), "it ran longer than its timeout of %.3f s",
			 (double)e->work->timeout_ns / 1e9);
		end_item_badly(pool, e->work, i, attempts, PP_TIMEOUT, 0, NULL, pid, text);
		return false;
	}
	if (lane->why == KILLED_CANCEL) {
		end_item_badly(pool, e->work, i, attempts, PP_CANCELLED, -ECANCELED, NULL, pid,
			       "cancelled while it ran");
		return false;
	}
	if (attempts <= e->work->retries) {
		pool->stats.retried++;
		return true;
	}
	describe(ending, lane->ch.is_thread, text, sizeof(text));
	end_item_badly(pool, e->work, i, attempts, PP_DIED, 0, ending, pid, text);
	return false;
}

/* Whether the worker was killed for this very item, and not for one that ended while the signal was on its way. */
static bool for_other_item(const struct lane *lane, uint64_t run)
{
	return (lane->why == KILLED_TIMEOUT || lane->why == KILLED_CANCEL) && lane->why_run != run;
}

static void begun_entry_ended(struct lane *lane, struct inflight *e, uint64_t run,
			      const struct ending *ending)
{
	struct pp_pool *pool = lane->pool;
	struct pp_results *b = NULL;
	unsigned attempts = e->attempt + 1;

	if (!e->work) {
		char text[160];

		describe(ending, lane->ch.is_thread, text, sizeof(text));
		if (lane->why == KILLED_NOT && !pool->stopped)
			pool_stop_locked(pool, "initializer %s: %s", pool->init_name, text);
		return;
	}
	if (e->work->kind == WORK_BATCH)
		b = container_of(e->work, struct pp_results, work);
	if (!(run & 1) || for_other_item(lane, run)) {
		requeue(lane, e, e->attempt);
		return;
	}
	if (b ? b->cancelled : container_of(e->work, struct pp_future, work)->drop) {
		requeue(lane, e, e->attempt);
		return;
	}
	if (!b)
		container_of(e->work, struct pp_future, work)->lane = NULL;
	if (blame(lane, e, attempts, ending)) {
		requeue(lane, e, attempts);
		return;
	}
	if (!b)
		return;
	e->done++;
	b->inflight--;
	if (e->done < e->count && !b->cancelled)
		batch_requeue(pool, b, e->first + e->done, e->count - e->done, 0);
	batch_maybe_end(pool, b);
}

/* Where it was: by its own word, unless that names what it never had, or was found to stand still. */
static uint64_t last_run(struct lane *lane)
{
	uint64_t run = load_acquire(&lane->ch.map.worker->run), seq = run >> 13;

	if (lane->own_clock)
		return lane->why_run;
	if (seq < lane->first_seq)
		return run;
	if (seq < lane->next_seq && (run >> 1 & 0xfff) <= entry_of(lane, seq)->count)
		return run;
	return lane->n_inflight ? front_word(lane) : 0;
}

/* All that the dead worker had. Later records first, so that each goes to the front in order. */
static void settle(struct lane *lane, const struct ending *ending)
{
	uint64_t run = load_acquire(&lane->ch.map.worker->run), seq;
	struct comp_view view;

	if (drain_locked(lane) && lane->n_inflight &&
	    comp_open(lane->ch.map.comp, lane->comp_head, run, &view) &&
	    view.seq == lane->first_seq && view.first == entry_of(lane, view.seq)->done)
		(void)take_record(lane, &view);
	pop_finished(lane);
	run = last_run(lane);
	for (seq = lane->next_seq; seq-- > lane->first_seq;) {
		struct inflight *e = entry_of(lane, seq);
		bool begun = run >> 13 == seq;

		if (e->state == ENTRY_REVOKED)
			continue;
		if (begun && seq == lane->first_seq)
			begun_entry_ended(lane, e, run, ending);
		else
			requeue(lane, e, e->attempt);
	}
	/* Now all entries are over; their large inputs are freed with them (a future keeps its own). */
	for (seq = lane->first_seq; seq < lane->next_seq; seq++)
		if (entry_of(lane, seq)->has_arena)
			free_inputs(lane, entry_of(lane, seq));
	if (lane->n_inflight)
		lane->pool->busy--;
	lane->n_inflight = 0;
}

/* An entry is cleared when it is used: most are never touched, so no page is, nor copied by a fork. */
static struct lane *lane_alloc(void)
{
	struct lane *lane = malloc(sizeof(*lane));

	if (lane)
		memset(lane, 0, offsetof(struct lane, entry));
	return lane;
}

static void lane_drop(struct lane *lane)
{
	struct pp_pool *pool = lane->pool;

	lane_unwatch(lane);
	channel_close(&lane->ch);
	free(lane->defined);
	pool->lanes[lane->place] = NULL;
	if (pool->current == lane)
		pool->current = NULL;
	pool->alive--;
	if (lane->active)
		pool->active--;
	free(lane);
}

/* Before it was ready: its image did not start, or could not be set up. */
static void count_failed_start(struct lane *lane, const struct ending *ending)
{
	struct pp_pool *pool = lane->pool;
	const struct lane_worker *w = lane->ch.map.worker;
	char text[200];

	if (lane->why != KILLED_NOT || ++pool->failed_starts < FAILED_STARTS_MAX || pool->stopped)
		return;
	if (w->setup_error < 0) {
		setup_failure(&lane->ch.map, text, sizeof(text));
		pool_stop_locked(pool, "workers cannot be set up: %s", text);
		return;
	}
	describe(ending, lane->ch.is_thread, text, sizeof(text));
	pool_stop_locked(pool, "workers end before they are ready: %s",
			 ending->exit_status == 127 ? "status 127" : text);
}

void lane_ended_locked(struct lane *lane)
{
	struct pp_pool *pool = lane->pool;
	struct lane_worker *w = lane->ch.map.worker;
	struct ending ending;
	bool retired;

	if (!channel_reap(&lane->ch, &ending))
		return;
	FS_PROBE3(procpool, worker__exit, lane->ch.pid, ending.signal, ending.exit_status);
	retired = load_acquire(&w->state) == LANE_RETIRED && lane->why == KILLED_NOT;
	if (load_acquire(&w->state) == LANE_STARTING)
		count_failed_start(lane, &ending);
	else
		pool->failed_starts = 0;
	record_insight(lane);
	pool->places[lane->place].last.pid = 0;
	settle(lane, &ending);
	if (retired && w->reason == RETIRE_IDLE)
		pool->shrunk = true;
	if (retired && (w->reason == RETIRE_RSS || (lane->retiring && pool->max_tasks)))
		pool->stats.recycled++;
	else if (!retired && lane->why != KILLED_STOP)
		pool->stats.restarts++;
	lane_drop(lane);
}

void kill_lane(struct lane *lane, enum why_killed why)
{
	if (lane->why != KILLED_NOT)
		return;
	lane->why = why;
	lane->why_run = load_acquire(&lane->ch.map.worker->run);
	lane->retiring = true;
	if (lane->ch.is_thread) {
		store_release(&lane->ch.map.caller->stop, 1);
		ring_bell(lane);
	} else {
		channel_kill(&lane->ch, SIGKILL, lane->ch.map.boot->flags & BOOT_NEW_GROUP);
	}
}

/* A thread cannot be killed: its item is told as if it were, and it is left to itself. */
static void abandon_thread(struct lane *lane)
{
	static const struct ending none = { 0, 0, false };
	struct channel ch = lane->ch;

	record_insight(lane);
	lane->pool->places[lane->place].last.pid = 0;
	settle(lane, &none);
	memory_ref(ch.memory);
	lane_drop(lane);
	channel_abandon(&ch);
}

void abandon_threads_locked(struct pp_pool *pool)
{
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		/* An idle one that is told to stop leaves by itself. */
		if (lane && lane->why != KILLED_NOT &&
		    (lane->why != KILLED_STOP || (load_acquire(&lane->ch.map.worker->run) & 1)))
			abandon_thread(lane);
	}
}

/* ---- how many workers ---- */

static unsigned workers_needed(const struct pp_pool *pool)
{
	uint64_t left = pool->accepted - pool->ended;
	unsigned need = pool->wanted;

	if (pool->stopped || pool->terminated || (pool->closed && !work_is_left(pool)))
		return 0;
	/* Who left for want of work comes back for work alone. */
	if (pool->shrunk && left < need)
		need = (unsigned)left > pool->active ? (unsigned)left : pool->active;
	return need;
}

static struct lane *lane_new(struct pp_pool *pool)
{
	struct lane *lane = lane_alloc();
	unsigned i;

	if (!lane)
		return NULL;
	for (i = 0; i < pool->n_lanes && pool->lanes[i]; i++)
		;
	if (i == pool->n_lanes ||
	    channel_open(&lane->ch, pool->context, NEEDS_LIFE | NEEDS_EVENT) < 0) {
		free(lane);
		return NULL;
	}
	lane->pool = pool;
	lane->place = i;
	lane->first_seq = lane->next_seq = lane->passed_seq = 1;
	lane->check_ns = INT64_MAX;
	pool->lanes[i] = lane;
	return lane;
}

static void activate(struct lane *lane)
{
	lane->active = true;
	lane->pool->active++;
	(void)put_init(lane);
}

static void lane_started(struct lane *lane, const struct start_request *rq)
{
	struct pp_pool *pool = lane->pool;

	channel_started(&lane->ch, rq);
	lane->used = true;
	pool->alive++;
	pool->places[lane->place].restarts++;
	FS_PROBE2(procpool, worker__start, lane->ch.pid, lane->place);
	record_insight(lane);
	if (lane_watch(lane) < 0) {
		kill_lane(lane, KILLED_BROKEN);
		return;
	}
	if (pool->active < pool->wanted)
		activate(lane);
}

static void start_failed(struct pp_pool *pool, int err)
{
	char why[sizeof(pool->reason)];

	pool->retry_start_ns = now_ns() + RETRY_START;
	pool->start_error = err;
	if (pool->alive || pool->stopped)
		return;
	/* Out of something may pass; a preload or an image that fails will not. */
	if (++pool->failed_starts < FAILED_STARTS_MAX &&
	    (err == -EAGAIN || err == -EMFILE || err == -ENFILE || err == -ENOMEM))
		return;
	snprintf(why, sizeof(why), "%s", pp_last_error());
	pool_stop_locked(pool, "%s", why);
}

static int start_some(struct pp_pool *pool, struct start_request *rq, struct lane **lanes,
		      unsigned n, uint64_t handled)
{
	unsigned i, have;
	int r;

	for (have = 0; have < n && (lanes[have] = lane_new(pool)); have++) {
		channel_request(&lanes[have]->ch, &pool->setup, pool->arena_fd, pool->arena_base,
				pool->arena_size, &rq[have]);
		if (pool->context->ops->signals)
			channel_tell_signals(&lanes[have]->ch, handled);
		if (pool->active + have >= pool->wanted && !lanes[have]->ch.is_thread)
			lanes[have]->ch.map.boot->flags |= BOOT_SPARE;
	}
	r = have ? pool->context->ops->start(pool->context, rq, have) : -EMFILE;
	for (i = 0; i < have; i++) {
		if (rq[i].error == 0) {
			lane_started(lanes[i], &rq[i]);
			continue;
		}
		pool->lanes[lanes[i]->place] = NULL;
		channel_close(&lanes[i]->ch);
		free(lanes[i]);
	}
	return r == 0 && have < n ? -EMFILE : r;
}

/*
 * One by one where that costs nothing: the child to come finds fewer open fds of others to close, and those
 * before it are at work meanwhile.
 */
static int start_batch(struct pp_pool *pool, unsigned n)
{
	unsigned step = pool->context->ops->together ? n : 1, done;
	struct start_request *rq = calloc(step, sizeof(*rq));
	struct lane **lanes = calloc(step, sizeof(struct lane *));
	uint64_t handled = pool->context->ops->signals ? child_handled_signals() : 0;
	int r = rq && lanes ? 0 : -ENOMEM;

	for (done = 0; r == 0 && done < n; done += step)
		r = start_some(pool, rq, lanes, step, handled);
	free(rq);
	free(lanes);
	return r;
}

void start_workers_locked(struct pp_pool *pool)
{
	unsigned need = workers_needed(pool), i;
	unsigned total = need ? need + pool->spares : 0;
	int r;

	/* A spare that takes a dead worker's place costs no start. */
	for (i = 0; i < pool->n_lanes && pool->active < need; i++)
		if (pool->lanes[i] && pool->lanes[i]->used && !pool->lanes[i]->active &&
		    !pool->lanes[i]->retiring)
			activate(pool->lanes[i]);
	if (pool->alive >= total || (pool->retry_start_ns && now_ns() < pool->retry_start_ns))
		return;
	pool->retry_start_ns = 0;
	r = start_batch(pool, total - pool->alive);
	if (r < 0)
		start_failed(pool, r);
}

/* Those that are done (max_tasks, resize, close) leave when what they have is finished. */
void trim_workers_locked(struct pp_pool *pool)
{
	unsigned need = workers_needed(pool), keep = need ? pool->wanted + pool->spares : 0;
	unsigned staying = 0, i;

	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		if (!lane || !lane->used)
			continue;
		if (pool->max_tasks && lane->items_given >= pool->max_tasks)
			lane->retiring = true;
		if (!lane->retiring && ++staying > keep)
			lane->retiring = true;
		if (lane->retiring && !lane->n_inflight && !lane->quit_sent)
			put_quit(lane);
	}
}

void lanes_remove_locked(struct pp_pool *pool)
{
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++)
		if (pool->lanes[i])
			kill_lane(pool->lanes[i], KILLED_STOP);
	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		if (!lane)
			continue;
		/* An idle thread leaves at once; one in a task is not waited for. */
		if (lane->ch.is_thread && poll_fd(lane->ch.pidfd, now_ns() + 20 * MS) == 0) {
			abandon_thread(lane);
			continue;
		}
		(void)poll_fd(lane->ch.pidfd, INT64_MAX);
		lane_ended_locked(lane);
	}
}
