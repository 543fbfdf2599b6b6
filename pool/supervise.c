/* SPDX-License-Identifier: MIT */
/*
 * Workers' lives: starting, replacing, and their ends. settle.c says what becomes of a dead worker's items.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "forkscope/pool_marks.h"
#include "forkscope/probes.h"
#include "pool.h"

#define FAILED_STARTS_MAX 8u
#define RETRY_START (10 * MS)

/* ---- the end of a worker ---- */

/* With what has passed from `since` until `now`, if that is given. Of a worker's figures, which may be anything. */
static int64_t sum(int64_t ns, int64_t now, int64_t since)
{
	return (int64_t)((uint64_t)ns + (now ? (uint64_t)now - (uint64_t)since : 0));
}

void record_insight(struct lane *lane)
{
	const struct lane_worker *w = lane->ch.map.worker;
	struct pp_worker_insight *in = &lane->pool->places[lane->place].last;
	int64_t now = now_ns(), since = load_relaxed(&w->since_ns);
	bool ready = load_acquire(&w->state) != LANE_STARTING, busy = load_relaxed(&w->busy) != 0;

	in->pid = lane_pid(lane);
	in->start_ns = lane->ch.map.boot->start_ns;
	in->ready_ns = ready ? sum(0, load_relaxed(&w->ready_ns), in->start_ns) : -1;
	in->init_ns = load_relaxed(&w->init_ns);
	in->busy_ns = sum(load_relaxed(&w->busy_ns), ready && busy ? now : 0, since);
	in->waiting_ns = sum(load_relaxed(&w->waiting_ns), ready && !busy ? now : 0, since);
	in->items = load_relaxed(&w->items);
	in->running = load_relaxed(&w->run) & 1;
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

/* Before it was ready: its image did not start, could not be set up, or did not get to its initializer's end. */
static void count_failed_start(struct lane *lane, const struct ending *ending)
{
	struct pp_pool *pool = lane->pool;
	const struct lane_worker *w = lane->ch.map.worker;
	char text[200];

	if (lane->why != KILLED_NOT || ++pool->failed_starts < FAILED_STARTS_MAX || pool->stopped)
		return;
	if (!lane->ch.map.caller->entered && w->setup_error < 0) {
		setup_failure(&lane->ch.map, text, sizeof(text));
		pool_stop_locked(pool, "workers cannot be set up: %s", text);
		return;
	}
	describe_ending(lane, ending, text, sizeof(text));
	if (lane->ch.map.caller->entered) {
		pool_stop_locked(pool, "initializer %s: %s", pool->init_name, text);
		return;
	}
	pool_stop_locked(pool, "workers end before they are ready: %s",
			 ending->exit_status == 127 ? "status 127" : text);
}

static void mark_ended(const struct lane *lane, const struct ending *ending)
{
	int status = ending->signal > 0	       ? ending->signal | (ending->core ? 0x80 : 0)
		     : ending->exit_status < 0 ? -1
					       : ending->exit_status << 8;

	FORKSCOPE_POOL(FS_EV_WORKER_EXIT, NULL, .pool = lane->pool->number, .worker = lane->number,
		       .worker_pid = (uint32_t)lane_pid(lane),
		       .start_method = lane->pool->context->start, .code = status);
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
	mark_ended(lane, &ending);
	retired = load_acquire(&w->state) == LANE_RETIRED && lane->why == KILLED_NOT;
	record_insight(lane);
	pool->places[lane->place].last.pid = 0;
	settle_locked(lane, &ending);
	if (!load_acquire(&lane->ch.map.caller->entered) || lane->uninitialised)
		count_failed_start(lane, &ending);
	else
		pool->failed_starts = 0;
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
	lane->why_run = why == KILLED_BROKEN ? front_word(lane)
					     : load_acquire(&lane->ch.map.worker->run);
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
	settle_locked(lane, &none);
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
	struct lane *lane = calloc(1, sizeof(*lane));
	unsigned i;

	if (!lane)
		return NULL;
	for (i = 0; i < pool->n_lanes && pool->lanes[i]; i++)
		;
	if (i == pool->n_lanes || channel_open(&lane->ch, pool->context, NEEDS_LIFE, pool->wake_in,
					       pool->block, pool->block_used) < 0) {
		free(lane);
		return NULL;
	}
	pool->block_used++;
	lane->pool = pool;
	lane->place = i;
	lane->entry = pool->places[i].entry;
	lane->entry_row = pool->places[i].entry_row;
	lane->number = pool->setup.boot.worker = ++pool->begun;
	lane->first_seq = lane->next_seq = lane->passed_seq = 1;
	lane->last_run = RUN_NONE;
	lane->check_ns = INT64_MAX;
	pool->lanes[i] = lane;
	return lane;
}

static void activate(struct lane *lane)
{
	int r;

	lane->active = true;
	lane->pool->active++;
	r = put_init(lane);
	if (r < 0)
		pool_stop_locked(lane->pool, "initializer %s: its input cannot be handed over: %s",
				 lane->pool->init_name, errno_text(r));
}

static void lane_started(struct lane *lane, const struct start_request *rq)
{
	struct pp_pool *pool = lane->pool;

	channel_started(&lane->ch, rq);
	lane->used = true;
	pool->alive++;
	pool->places[lane->place].restarts++;
	FS_PROBE2(procpool, worker__start, lane->ch.pid, lane->place);
	FORKSCOPE_POOL(FS_EV_WORKER_START, NULL, .pool = pool->number, .worker = lane->number,
		       .worker_pid = (uint32_t)lane_pid(lane),
		       .start_method = pool->context->start);
	/* Without a look at what the worker writes: that page may not be there yet. */
	pool->places[lane->place].last = (struct pp_worker_insight){
		.pid = lane->ch.pid, .start_ns = lane->ch.map.boot->start_ns, .ready_ns = -1
	};
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
	/* Out of something may pass, and so may the end of a server that was starting; a preload will not. */
	if (++pool->failed_starts < FAILED_STARTS_MAX &&
	    (err == -EAGAIN || err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EPIPE))
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
		channel_request(&lanes[have]->ch, &pool->setup, pool->arena_fd, pool->arena_view,
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

static void block_done(struct pp_pool *pool)
{
	struct lane_block *block = pool->block;

	pool->block = NULL;
	if (block)
		lane_block_started(block);
}

/* Memory for the next of `left` forked workers: *n of them at most. */
static int block_for(struct pp_pool *pool, unsigned left, unsigned *n)
{
	int r;

	if (pool->block && pool->block_used == pool->block->n)
		block_done(pool);
	if (!pool->block) {
		pool->block_used = 0;
		r = lane_block_create(&pool->block, left);
		if (r < 0)
			return fail(r, "cannot make the memory of %u workers: %s", left,
				    errno_text(r));
	}
	if (*n > pool->block->n - pool->block_used)
		*n = pool->block->n - pool->block_used;
	return 0;
}

/*
 * One by one where that costs nothing: the child to come finds fewer open fds of others to close, and those
 * before it are at work meanwhile. By the dozen where they are forked: what is written between two forks is
 * copied for the second.
 */
static int start_batch(struct pp_pool *pool, unsigned n)
{
	unsigned most = pool->context->ops->together ? pool->context->ops->together : 1;
	unsigned step = most < n ? most : n, now, done;
	struct start_request *rq = calloc(step, sizeof(*rq));
	/* What a start fills in lies close together, for the pages of it are copied after a fork. */
	unsigned n_moves = channel_moves(&pool->setup);
	struct fd_move *moves = calloc((size_t)step * n_moves, sizeof(*moves));
	struct lane **lanes = calloc(step, sizeof(struct lane *));
	uint64_t handled = pool->context->ops->signals ? child_handled_signals() : 0;
	int r = rq && moves && lanes ? 0 : -ENOMEM;
	unsigned i;

	for (i = 0; r == 0 && i < step; i++)
		rq[i].moves = &moves[(size_t)i * n_moves];
	for (done = 0; r == 0 && done < n; done += now) {
		now = step < n - done ? step : n - done;
		if (pool->context->ops->copy)
			r = block_for(pool, n - done, &now);
		if (r == 0)
			r = start_some(pool, rq, lanes, now, handled);
	}
	block_done(pool);
	free(moves);
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
