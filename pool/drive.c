/* SPDX-License-Identifier: MIT */
/*
 * What makes a pool move: draining, events, callbacks; and how a caller waits.
 *
 * A wait first spins, as long as that has paid lately and there is a CPU that the workers do not need.
 * Then it marks itself parked in every lane, looks once more, and sleeps in epoll: on the workers' pidfds, and on
 * what wakes it (wake_fd). One thread sleeps there for all; others wait for it to tell.
 *
 * To wake it, all workers and the other threads write into the one pipe. A worker has its writing end only, so none
 * can take what another wrote. What is in it is level-triggered: a pipe that one has filled wakes for all.
 *
 * While items are tiny, the sleep is lazy: workers go on without waking us for each, and we look after
 * LAZY_SLEEP by ourselves; a look that finds nothing ends the laziness.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "pool.h"

#define LAZY_ITEM (4 * US)
#define LAZY_SLEEP (200 * US)
#define SPIN_MAX (20 * US)
#define SPIN_MIN (1 * US)
#define LOOK_EVERY 64u
#define SPIN_LOOKS 32

enum event_kind { EVENT_WAKE, EVENT_END, EVENT_TIMER };

static int watch(struct pp_pool *pool, int fd, uint32_t events, unsigned place,
		 enum event_kind kind)
{
	struct epoll_event ev = { .events = events, .data.u64 = (uint64_t)place << 2 | kind };

	return epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/* Threads get an eventfd: one that is left to itself may write when the pool is gone, which into a pipe is deadly. */
static int open_wake(struct pp_pool *pool)
{
	int ends[2];

	if (pool->context->ops->thread) {
		ends[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (ends[0] < 0)
			return -errno;
		ends[1] = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
	} else if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		return -errno;
	}
	pool->wake_in = fd_above_stdio(ends[1]);
	pool->wake_fd = fd_above_stdio(ends[0]);
	return pool->wake_in < 0 ? pool->wake_in : pool->wake_fd;
}

int drive_init(struct pp_pool *pool)
{
	int r;

	r = pool->epoll_fd = fd_above_stdio(epoll_create1(EPOLL_CLOEXEC));
	if (r >= 0)
		r = open_wake(pool);
	if (r >= 0)
		r = watch(pool, pool->wake_fd, EPOLLIN, 0, EVENT_WAKE);
	pool->spin_ns = SPIN_MAX;
	return r < 0 ? r : 0;
}

int lane_watch(struct lane *lane)
{
	store_relaxed(&lane->ch.map.caller->park, lane->pool->park);
	return watch(lane->pool, lane->ch.pidfd, EPOLLIN, lane->place, EVENT_END);
}

/* By hand: a copy of the fd in a worker's own child would keep it in the set. */
void lane_unwatch(struct lane *lane)
{
	(void)epoll_ctl(lane->pool->epoll_fd, EPOLL_CTL_DEL, lane->ch.pidfd, NULL);
}

void kick(struct pp_pool *pool)
{
	uint64_t one = 1;

	while (write(pool->wake_in, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* What more there is wakes us again. */
static void take_wakes(struct pp_pool *pool)
{
	char wakes[512];

	while (read(pool->wake_fd, wakes, sizeof(wakes)) < 0 && errno == EINTR)
		;
}

static void handle_event(struct pp_pool *pool, const struct epoll_event *ev)
{
	unsigned place = (unsigned)(ev->data.u64 >> 2), kind = ev->data.u64 & 3;

	if (kind == EVENT_WAKE)
		take_wakes(pool);
	else if (kind == EVENT_END && place < pool->n_lanes && pool->lanes[place] &&
		 pool->lanes[place]->used)
		lane_ended_locked(pool->lanes[place]);
}

static void look_for_events(struct pp_pool *pool)
{
	struct epoll_event ev[32];
	int n, i;

	do {
		n = epoll_wait(pool->epoll_fd, ev, ARRAY_SIZE(ev), 0);
		if (n > 0) {
			pool->consumed = true;
			pool->kicked = false;
		}
		for (i = 0; i < n; i++)
			handle_event(pool, &ev[i]);
	} while (n == ARRAY_SIZE(ev));
	check_timeouts_locked(pool);
}

static void drain_all(struct pp_pool *pool)
{
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		if (lane && lane->n_inflight && !drain_locked(lane))
			kill_lane(lane, KILLED_BROKEN);
	}
}

static void run_callbacks(struct pp_pool *pool)
{
	while (pool->callbacks || pool->batches_done) {
		struct pp_future *f = pool->callbacks;
		struct pp_results *b = pool->batches_done;

		if (f) {
			void (*call)(struct pp_future *, void *) = f->callback;
			bool freed = f->freed;

			f->callback = NULL;
			pool->callbacks = f->next;
			if (!pool->callbacks)
				pool->callbacks_end = &pool->callbacks;
			pthread_mutex_unlock(&pool->lock);
			call(f, f->arg);
			pthread_mutex_lock(&pool->lock);
			if (freed)
				future_recycle(pool, f);
			continue;
		}
		pool->batches_done = b->next_done;
		pthread_mutex_unlock(&pool->lock);
		b->opts.callback(b, b->opts.arg);
		pthread_mutex_lock(&pool->lock);
	}
}

void drive_locked(struct pp_pool *pool, bool look)
{
	drain_all(pool);
	/* Ends are handled by one thread at a time, which is the one that sleeps when one does. */
	if (!pool->driver && (look || ++pool->loops % LOOK_EVERY == 0))
		look_for_events(pool);
	if (pool->context->ops->thread)
		abandon_threads_locked(pool);
	if (pool->alive < pool->wanted + pool->spares || pool->active < pool->wanted)
		start_workers_locked(pool);
	if (!list_empty(&pool->pending))
		dispatch_locked(pool);
	if (look || pool->max_tasks)
		trim_workers_locked(pool);
	if (pool->callbacks || pool->batches_done)
		run_callbacks(pool);
}

/* ---- waiting ---- */

static bool has_completions(const struct pp_pool *pool)
{
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++) {
		const struct lane *lane = pool->lanes[i];

		if (lane && lane->used &&
		    load_acquire(&lane->ch.map.worker->comp_tail) != lane->comp_head)
			return true;
	}
	return false;
}

/* True when something came. The lock stays: it is short, and other threads can only want the same. */
static bool spin(struct pp_pool *pool)
{
	int64_t end = 0;
	int i;

	if (!pool->busy || pool->busy >= pool->cpus || pool->waiters)
		return false;
	for (;;) {
		for (i = 0; i < SPIN_LOOKS; i++) {
			if (has_completions(pool)) {
				pool->spin_ns = pool->spin_ns * 2 > SPIN_MAX ? SPIN_MAX
									     : pool->spin_ns * 2;
				return true;
			}
			cpu_relax();
		}
		/* In a quick exchange the answer is there before the first look at the clock. */
		if (!end)
			end = now_ns() + pool->spin_ns;
		else if (now_ns() >= end)
			break;
	}
	pool->spin_ns = pool->spin_ns / 2 < SPIN_MIN ? SPIN_MIN : pool->spin_ns / 2;
	return false;
}

/* Tells all workers to signal from now on. False: there is something already. */
static bool arm(struct pp_pool *pool, bool lazy)
{
	unsigned i;

	pool->park += pool->park & 1 ? 2 : 1;
	pool->consumed = false;
	for (i = 0; i < pool->n_lanes; i++) {
		if (!pool->lanes[i])
			continue;
		store_relaxed(&pool->lanes[i]->ch.map.caller->lazy, lazy);
		store_relaxed(&pool->lanes[i]->ch.map.caller->park, pool->park);
	}
	full_fence();
	return !has_completions(pool);
}

static void disarm(struct pp_pool *pool)
{
	unsigned i;

	pool->park++;
	for (i = 0; i < pool->n_lanes; i++)
		if (pool->lanes[i])
			store_relaxed(&pool->lanes[i]->ch.map.caller->park, pool->park);
}

static int epoll_until(int epoll_fd, struct epoll_event *ev, int max, int64_t until)
{
	struct timespec ts, *left = NULL;
	int64_t ns;
	int n;

	if (until != INT64_MAX) {
		ns = until - now_ns();
		ns = ns < 0 ? 0 : ns;
		ts.tv_sec = ns / 1000000000;
		ts.tv_nsec = ns % 1000000000;
		left = &ts;
	}
	n = epoll_pwait2(epoll_fd, ev, max, left, NULL);
	if (n >= 0 || errno != ENOSYS)
		return n;
	/* Before 5.11: whole milliseconds, rounded up. */
	return epoll_wait(
		epoll_fd, ev, max,
		left ? (int)((ns + MS - 1) / MS > INT32_MAX ? INT32_MAX : (ns + MS - 1) / MS) : -1);
}

/* Sleeps until an event, the deadline or the next timer. True: it was lazy and nothing came. */
static bool sleep_once(struct pp_pool *pool, int64_t deadline, bool lazy)
{
	struct epoll_event ev[32];
	int64_t until = next_timer_locked(pool);
	int n, i;

	until = deadline < until ? deadline : until;
	if (!arm(pool, lazy)) {
		disarm(pool);
		return false;
	}
	if (lazy) {
		int64_t soon = now_ns() + LAZY_SLEEP;

		until = soon < until ? soon : until;
	}
	pool->stats.parks++;
	pool->driver = true;
	pool->driver_kicked = false;
	pool->driver_until = until;
	pool->driver_ended = pool->ended;
	pthread_mutex_unlock(&pool->lock);
	n = epoll_until(pool->epoll_fd, ev, ARRAY_SIZE(ev), until);
	pthread_mutex_lock(&pool->lock);
	pool->driver = false;
	pool->consumed = true;
	pool->kicked = false;
	disarm(pool);
	for (i = 0; i < n; i++)
		handle_event(pool, &ev[i]);
	check_timeouts_locked(pool);
	if (pool->waiters)
		pthread_cond_broadcast(&pool->changed);
	return lazy && n <= 0 && !has_completions(pool);
}

/*
 * The thread that sleeps for all may wait for what this one has just ended, or sleep past a timer that this one has
 * set. Once for each of its sleeps.
 */
static void wake_driver(struct pp_pool *pool)
{
	if (!pool->driver || pool->driver_kicked ||
	    (pool->ended == pool->driver_ended && next_timer_locked(pool) >= pool->driver_until))
		return;
	pool->driver_kicked = true;
	kick(pool);
}

/* Another thread drives; it tells when it has looked. */
static void wait_for_driver(struct pp_pool *pool, int64_t deadline)
{
	struct timespec ts = { deadline / 1000000000, deadline % 1000000000 };

	wake_driver(pool);
	pool->waiters++;
	if (deadline == INT64_MAX)
		pthread_cond_wait(&pool->changed, &pool->lock);
	else
		pthread_cond_timedwait(&pool->changed, &pool->lock, &ts);
	pool->waiters--;
}

/* A timer of our own, since nobody may be in a wait when a timeout is due. */
static void set_timer(struct pp_pool *pool)
{
	int64_t at = next_timer_locked(pool);
	struct itimerspec its;

	if (at == pool->timer_set)
		return;
	pool->timer_set = at;
	memset(&its, 0, sizeof(its));
	if (at != INT64_MAX) {
		its.it_value.tv_sec = at / 1000000000;
		its.it_value.tv_nsec = at % 1000000000 + (at % 1000000000 == 0);
	}
	(void)timerfd_settime(pool->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

/*
 * At the end of every call that may have driven the pool. The next one to wait takes over; and for an event
 * loop, our fd polls readable as long as something is to be driven, or has ended that no drive has told of.
 */
void leave_locked(struct pp_pool *pool)
{
	if (pool->waiters && !pool->driver)
		pthread_cond_broadcast(&pool->changed);
	wake_driver(pool);
	if (!pool->fd_mode)
		return;
	if (pool->consumed && !pool->driver)
		while (!arm(pool, false))
			drive_locked(pool, false);
	if (pool->ended != pool->told && !pool->kicked) {
		pool->kicked = true;
		kick(pool);
	}
	set_timer(pool);
}

int wait_locked(struct pp_pool *pool, bool (*done)(void *arg), void *arg, int64_t deadline)
{
	bool eager = false, look = false;
	int r = 0;

	for (;;) {
		drive_locked(pool, look);
		if (done(arg))
			break;
		if (deadline != INT64_MAX && now_ns() >= deadline) {
			r = -ETIMEDOUT;
			break;
		}
		if (pool->driver) {
			wait_for_driver(pool, deadline);
			continue;
		}
		look = false;
		if (spin(pool))
			continue;
		rebalance_locked(pool);
		trim_workers_locked(pool);
		eager = sleep_once(pool, deadline,
				   !eager && pool->busy && pool->est_ns &&
					   pool->est_ns < LAZY_ITEM);
	}
	leave_locked(pool);
	return r;
}

/* ---- for event loops ---- */

int pp_pool_fd(struct pp_pool *pool)
{
	int r;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	r = pool->timer_fd;
	if (r < 0) {
		r = fd_above_stdio(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
		if (r >= 0) {
			pool->timer_fd = r;
			r = watch(pool, r, EPOLLIN | EPOLLET, 0, EVENT_TIMER);
		}
	}
	if (r >= 0 && !pool->fd_mode) {
		pool->fd_mode = pool->consumed = true;
		leave_locked(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return r < 0 ? fail(r, "cannot make the pool pollable: %s", errno_text(r)) : pool->epoll_fd;
}

int pp_pool_drive(struct pp_pool *pool)
{
	uint64_t before;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	before = pool->ended;
	drive_locked(pool, true);
	rebalance_locked(pool);
	pool->told = pool->ended;
	pool->kicked = false;
	leave_locked(pool);
	pool->told = pool->ended;
	before = pool->ended - before;
	pthread_mutex_unlock(&pool->lock);
	return before > INT32_MAX ? INT32_MAX : (int)before;
}
