/* SPDX-License-Identifier: MIT */
/* Futures: single tasks, from submit to result. They come from slabs: no malloc for a small task. */
#include <errno.h>
#include <string.h>

#include "pool.h"

#define SLAB_FUTURES 128u

struct slab {
	struct slab *next;
	struct pp_future future[SLAB_FUTURES];
};

/* The pool's memory goes with the last of its handles. */
void pool_unref(struct pp_pool *pool)
{
	struct slab *slab, *next;

	if (__atomic_sub_fetch(&pool->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (slab = pool->slabs; slab; slab = next) {
		next = slab->next;
		free(slab);
	}
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct pp_future *future_new_locked(struct pp_pool *pool)
{
	struct pp_future *f = pool->free_list;
	struct slab *slab;
	unsigned i;

	/* What other threads gave back: all at once, so that a push alone can race. */
	if (!f)
		f = pool->free_list = __atomic_exchange_n(&pool->returned, NULL, __ATOMIC_ACQUIRE);
	if (!f) {
		slab = malloc(sizeof(*slab));
		if (!slab)
			return NULL;
		slab->next = pool->slabs;
		pool->slabs = slab;
		for (i = 0; i < SLAB_FUTURES; i++) {
			slab->future[i].next = f;
			f = &slab->future[i];
		}
	}
	pool->free_list = f->next;
	memset(f, 0, offsetof(struct pp_future, small));
	f->work.kind = WORK_FUTURE;
	f->work.pool = pool;
	__atomic_add_fetch(&pool->refs, 1, __ATOMIC_RELAXED);
	return f;
}

void future_drop_input(struct pp_pool *pool, struct pp_future *f)
{
	if (f->in_copied)
		free((void *)(uintptr_t)f->in);
	if (f->in_arena)
		arena_put(&pool->arena, f->in_off, f->in_len);
	f->in_copied = f->in_arena = false;
	f->in = NULL;
}

/* Any thread. Its input is gone by now. */
static void give_back(struct pp_future *f)
{
	struct pp_pool *pool = f->work.pool;

	held_release(&f->held);
	free(f->own);
	free(f->bad);
	f->next = __atomic_load_n(&pool->returned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&pool->returned, &f->next, f, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	pool_unref(pool);
}

void future_recycle(struct pp_pool *pool, struct pp_future *f)
{
	future_drop_input(pool, f);
	give_back(f);
}

void future_end(struct pp_pool *pool, struct pp_future *f)
{
	bool freed = f->freed;

	pool->bytes -= f->in_len;
	/* A cancelled one may still be read by its worker; then its input goes with the worker. */
	if (!f->lane)
		future_drop_input(pool, f);
	if (f->callback) {
		f->next = NULL;
		*pool->callbacks_end = f;
		pool->callbacks_end = &f->next;
		freed = false; /* after the callback */
	}
	store_release(&f->state, FUTURE_ENDED);
	if (freed && !f->lane)
		future_recycle(pool, f);
}

/* ---- submitting ---- */

static bool has_room(void *arg)
{
	struct pp_pool *pool = arg;

	return pool->stopped || pool->closed || pool->terminated ||
	       (pool->accepted - pool->ended < pool->queue_limit &&
		pool->bytes < pool->queue_bytes);
}

static int wait_for_room(struct pp_pool *pool, unsigned flags)
{
	if (!has_room(pool)) {
		if (flags & PP_NONBLOCK) {
			drive_locked(pool, true);
			if (!has_room(pool))
				return fail(-EAGAIN, "the queue is full (%llu items)",
					    (unsigned long long)pool->queue_limit);
		}
		(void)wait_locked(pool, has_room, pool, INT64_MAX);
	}
	if (pool->stopped)
		return fail(pool->stopped, "%s", pool->reason);
	if (pool->closed || pool->terminated)
		return fail(-ESHUTDOWN, "the pool is closed");
	return 0;
}

static int keep_input(struct pp_future *f)
{
	void *copy;

	if (f->in_arena)
		return 0;
	copy = malloc(f->in_len ? f->in_len : 1);
	if (!copy)
		return fail(-ENOMEM, "no memory for %zu bytes of input", f->in_len);
	if (f->in_len)
		memcpy(copy, f->in, f->in_len);
	f->in = copy;
	f->in_copied = true;
	return 0;
}

static int submit_locked(struct pp_pool *pool, const char *name, const void *in, size_t len,
			 const struct pp_submit_opts *o, struct pp_future **ret)
{
	struct pp_future *f;
	struct task *task;
	int r;

	r = find_task_locked(pool, name, &task);
	if (r == 0)
		r = wait_for_room(pool, o->flags);
	if (r < 0)
		return r;
	f = future_new_locked(pool);
	if (!f)
		return fail(-ENOMEM, "out of memory");
	f->work.task = task;
	f->number = pool->accepted;
	f->work.timeout_ns = o->timeout_ns ? o->timeout_ns : pool->timeout_ns;
	f->work.retries = o->retries < 0 ? 0 : o->retries ? (unsigned)o->retries : pool->retries;
	f->in = in;
	f->in_len = len;
	if (o->buffer)
		f->in_off = buffer_offset(o->buffer, &f->in_len);
	f->in_arena = o->buffer != NULL;
	if (!put_future(pool, f)) {
		r = keep_input(f);
		if (r < 0) {
			give_back(f);
			return r;
		}
		pending_add(&f->work, false);
	}
	if (o->buffer)
		buffer_taken(o->buffer);
	f->callback = o->callback;
	f->arg = o->arg;
	pool->accepted++;
	pool->bytes += f->in_len;
	*ret = f;
	return 0;
}

int pp_pool_submit(struct pp_pool *pool, const char *task, const void *in, size_t len,
		   const struct pp_submit_opts *opts, struct pp_future **ret_future)
{
	struct pp_submit_opts o;
	int64_t timer;
	int r;

	if (!opts)
		memset(&o, 0, sizeof(o));
	else if ((r = opts_read(&o, sizeof(o), opts, "pp_submit_opts")) < 0)
		return r;
	if (o.flags & ~PP_NONBLOCK)
		return fail(-EINVAL, "unknown flags 0x%x", o.flags);
	if (len > PP_PAYLOAD_MAX)
		return fail(-EMSGSIZE, "an input of %zu bytes: at most %zu", len, PP_PAYLOAD_MAX);
	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	timer = pool->driver ? next_timer_locked(pool) : 0;
	r = submit_locked(pool, task, in, len, &o, ret_future);
	/* Not the drain after each: the completions of many are read at once. */
	if (r == 0 && (++pool->since_drain >= 64 || !list_empty(&pool->pending) ||
		       pool->active < pool->wanted)) {
		pool->since_drain = 0;
		drive_locked(pool, false);
	}
	if (pool->driver && next_timer_locked(pool) < timer)
		kick(pool);
	leave_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	return r;
}

/* ---- the future's life ---- */

int pp_future_done(const struct pp_future *f)
{
	return load_acquire(&f->state) == FUTURE_ENDED;
}

static bool is_done(void *arg)
{
	return pp_future_done(arg);
}

int pp_future_wait(struct pp_future *f, int64_t timeout_ns)
{
	struct pp_pool *pool = f->work.pool;
	int r;

	if (pp_future_done(f))
		return 0;
	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	r = wait_locked(pool, is_done, f, deadline_after(timeout_ns));
	pthread_mutex_unlock(&pool->lock);
	return r < 0 ? fail(r, "the task has not ended in time") : 0;
}

int pp_future_result(struct pp_future *f, struct pp_result *r)
{
	if (!pp_future_done(f))
		return fail(-EAGAIN, "the task has not ended; wait for it first");
	memset(r, 0, sizeof(*r));
	r->exit_status = -1;
	r->attempts = f->attempts;
	r->worker_pid = f->pid;
	r->message = "";
	if (f->data) {
		r->outcome = PP_DONE;
		r->data = f->data;
		r->len = f->len;
	} else {
		r->outcome = PP_FAILED;
		bad_result(f->bad, r);
	}
	return 0;
}

static void cancel_locked(struct pp_pool *pool, struct pp_future *f)
{
	struct lane *lane = f->lane;

	if (f->work.waiting) {
		pending_remove(&f->work);
	} else if (lane && take_back(lane, f->seq)) {
		f->lane = NULL;
		pop_finished(lane);
	} else if (lane) {
		f->drop = true;
		kill_lane(lane, KILLED_CANCEL);
	}
	end_item_badly(pool, &f->work, 0, f->attempts + (f->lane != NULL), PP_CANCELLED, -ECANCELED,
		       NULL, f->lane ? lane_pid(f->lane) : 0, "cancelled");
}

int pp_future_cancel(struct pp_future *f)
{
	struct pp_pool *pool = f->work.pool;
	int r = 0;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	if (f->lane)
		(void)drain_locked(f->lane);
	if (f->state == FUTURE_ENDED)
		r = fail(-EALREADY, "the task had ended");
	else
		cancel_locked(pool, f);
	drive_locked(pool, true);
	leave_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	return r;
}

void pp_future_free(struct pp_future *f)
{
	struct pp_pool *pool;

	if (!f)
		return;
	pool = f->work.pool;
	if (pp_future_done(f) && !f->callback && !f->drop) {
		give_back(f);
		return;
	}
	if (is_foreign(&pool->owned))
		return;
	pthread_mutex_lock(&pool->lock);
	/* Still in a callback's queue, or in the hands of a worker that is being killed: later. */
	if (f->state == FUTURE_ENDED && !f->lane && !f->callback)
		future_recycle(pool, f);
	else
		f->freed = true;
	pthread_mutex_unlock(&pool->lock);
}
