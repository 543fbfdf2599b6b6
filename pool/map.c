/* SPDX-License-Identifier: MIT */
/* Batches: the items of a map, their results, and how they are cut and put together again. */
#include <errno.h>
#include <string.h>

#include "pool.h"

static void batch_destroy(struct pp_results *b)
{
	struct pp_pool *pool = b->work.pool;
	struct range *range;
	struct blob *blob;
	struct bad *bad;
	struct held_item *held;

	while ((range = b->ranges)) {
		b->ranges = range->next;
		free(range);
	}
	while ((blob = b->blobs)) {
		b->blobs = blob->next;
		free(blob);
	}
	while ((bad = b->bads)) {
		b->bads = bad->next;
		free(bad);
	}
	while ((held = b->held)) {
		b->held = held->next;
		held_release(&held->held);
		free(held);
	}
	list_remove(&b->all);
	free(b->copies);
	free(b->item);
	free(b);
	pool_unref(pool);
}

/* Tells of the end, once; and goes when nobody has it any more. */
void batch_maybe_end(struct pp_pool *pool, struct pp_results *b)
{
	if (b->ended == b->n && !b->told) {
		b->told = true;
		if (b->opts.callback && !b->freed) {
			b->next_done = pool->batches_done;
			pool->batches_done = b;
		}
	}
	if (b->freed && !b->inflight)
		batch_destroy(b);
}

void batch_requeue(struct pp_pool *pool, struct pp_results *b, size_t first, size_t count,
		   unsigned attempt, uint8_t strays)
{
	struct range *range = malloc(sizeof(*range));
	size_t i;

	if (!range) {
		for (i = 0; i < count; i++)
			end_item_badly(pool, &b->work, first + i, attempt, PP_CANCELLED, -ENOMEM,
				       NULL, 0, "no memory to queue it again");
		return;
	}
	range->first = first;
	range->count = count;
	range->attempt = attempt;
	range->strays = strays;
	range->next = b->ranges;
	b->ranges = range;
	pending_add(&b->work, true);
}

/* All that have not ended do so now; what workers still send of them is dropped. */
void batch_cancel_locked(struct pp_pool *pool, struct pp_results *b, int code, const char *message)
{
	unsigned i;
	uint64_t seq;
	size_t k;

	if (b->cancelled || b->ended == b->n)
		return;
	pending_remove(&b->work);
	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		for (seq = lane ? lane->first_seq : 1; lane && seq < lane->next_seq; seq++) {
			struct inflight *e = entry_of(lane, seq);

			if (e->work != &b->work || e->state == ENTRY_REVOKED || e->done == e->count)
				continue;
			if (!take_back(lane, seq)) {
				kill_lane(lane, KILLED_CANCEL);
				continue;
			}
			b->inflight--;
			e->work = NULL; /* it may go before its turn in the lane comes */
		}
		if (lane)
			pop_finished(lane);
	}
	b->cancelled = true;
	for (k = 0; k < b->n; k++)
		end_item_badly(pool, &b->work, k, b->item[k].attempts, PP_CANCELLED, code, NULL, 0,
			       message);
}

int batch_new_locked(struct pp_pool *pool, const char *name, const struct iovec *items, size_t n,
		     const struct pp_map_opts *o, struct pp_results **ret)
{
	struct pp_results *b;
	struct task *task;
	int r = find_task_locked(pool, name, &task);

	if (r < 0)
		return r;
	if (pool->stopped)
		return fail(pool->stopped, "%s", pool->reason);
	if (pool->closed || pool->terminated)
		return fail(-ESHUTDOWN, "the pool is closed");
	b = calloc(1, sizeof(*b));
	if (b)
		b->item = calloc(n ? n : 1, sizeof(*b->item));
	if (!b || !b->item) {
		free(b);
		return fail(-ENOMEM, "no memory for %zu results", n);
	}
	b->work.kind = WORK_BATCH;
	b->work.pool = pool;
	b->work.task = task;
	b->work.timeout_ns = o->timeout_ns ? o->timeout_ns : pool->timeout_ns;
	b->work.retries = o->retries < 0 ? 0 : o->retries ? (unsigned)o->retries : pool->retries;
	b->items = items;
	b->n = n;
	b->chunk = o->chunk ? o->chunk : (n + 4ull * pool->wanted - 1) / (4ull * pool->wanted);
	b->chunk = b->chunk ? b->chunk : 1;
	b->opts = *o;
	list_append(&pool->batches, &b->all);
	__atomic_add_fetch(&pool->refs, 1, __ATOMIC_RELAXED);
	b->number = pool->accepted;
	pool->accepted += n;
	if (n)
		pending_add(&b->work, false);
	else
		batch_maybe_end(pool, b);
	dispatch_locked(pool);
	*ret = b;
	return 0;
}

static int read_opts(struct pp_map_opts *o, const struct pp_map_opts *opts)
{
	int r = opts_read(o, sizeof(*o), opts, "pp_map_opts");

	if (r == 0 && (o->flags & ~PP_UNORDERED))
		return fail(-EINVAL, "unknown flags 0x%x", o->flags);
	return r;
}

static int check_items(const struct iovec *items, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (items[i].iov_len > PP_PAYLOAD_MAX)
			return fail(-EMSGSIZE, "item %zu has %zu bytes: at most %zu", i,
				    items[i].iov_len, PP_PAYLOAD_MAX);
	return 0;
}

/* Takes `copies` over, also when it fails. */
static int map_async(struct pp_pool *pool, const char *task, const struct iovec *items, size_t n,
		     const struct pp_map_opts *opts, void *copies, struct pp_results **ret_results)
{
	struct pp_results *b = NULL;
	struct pp_map_opts o;
	int r = read_opts(&o, opts);

	if (r == 0)
		r = check_items(items, n);
	if (r == 0 && is_foreign(&pool->owned))
		r = fail_foreign();
	if (r == 0) {
		pthread_mutex_lock(&pool->lock);
		r = batch_new_locked(pool, task, items, n, &o, &b);
		if (r == 0)
			b->copies = copies;
		leave_locked(pool);
		pthread_mutex_unlock(&pool->lock);
	}
	if (r < 0) {
		free(copies);
		return r;
	}
	*ret_results = b;
	return 0;
}

int pp_pool_map_async(struct pp_pool *pool, const char *task, const struct iovec *items, size_t n,
		      const struct pp_map_opts *opts, struct pp_results **ret_results)
{
	return map_async(pool, task, items, n, opts, NULL, ret_results);
}

struct progress {
	const struct pp_results *b;
	size_t seen, step;
};

static bool has_progress(void *arg)
{
	const struct progress *p = arg;

	return p->b->ended == p->b->n || p->b->ended - p->seen >= p->step;
}

int pp_results_wait(struct pp_results *b, int64_t timeout_ns)
{
	struct progress p = { b, 0, b->opts.progress ? b->n / 256 + 1 : b->n + 1 };
	int64_t deadline = deadline_after(timeout_ns);
	struct pp_pool *pool = b->work.pool;
	int r;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	do {
		pthread_mutex_lock(&pool->lock);
		r = wait_locked(pool, has_progress, &p, deadline);
		p.seen = b->ended;
		pthread_mutex_unlock(&pool->lock);
		if (b->opts.progress)
			b->opts.progress(p.seen, b->n, b->opts.arg);
	} while (r == 0 && p.seen < b->n);
	return r < 0 ? fail(r, "%zu of %zu items have not ended in time", b->n - p.seen, b->n) : 0;
}

int pp_pool_map(struct pp_pool *pool, const char *task, const struct iovec *items, size_t n,
		const struct pp_map_opts *opts, struct pp_results **ret_results)
{
	struct pp_results *b;
	int r = map_async(pool, task, items, n, opts, NULL, &b);

	if (r < 0)
		return r;
	r = pp_results_wait(b, -1);
	if (r < 0) {
		pp_results_free(b);
		return r;
	}
	*ret_results = b;
	return 0;
}

/* One item of several arguments: how many, their lengths, then each aligned. pp_call_arg() reads it. */
static size_t packed_size(const struct iovec *args, unsigned n)
{
	size_t size = lane_align(8 + 8 * n);
	unsigned i;

	for (i = 0; i < n; i++)
		size = (size + args[i].iov_len + LANE_ALIGN - 1) & ~(size_t)(LANE_ALIGN - 1);
	return size;
}

static void pack(uint8_t *to, const struct iovec *args, unsigned n)
{
	size_t at = lane_align(8 + 8 * n);
	uint64_t count = n, len;
	unsigned i;

	memcpy(to, &count, 8);
	for (i = 0; i < n; i++) {
		len = args[i].iov_len;
		memcpy(to + 8 + 8 * (size_t)i, &len, 8);
		if (len)
			memcpy(to + at, args[i].iov_base, len);
		at = (at + len + LANE_ALIGN - 1) & ~(size_t)(LANE_ALIGN - 1);
	}
}

int pp_pool_starmap(struct pp_pool *pool, const char *task, const struct iovec *args,
		    unsigned n_args, size_t n, const struct pp_map_opts *opts,
		    struct pp_results **ret_results)
{
	size_t total = 0, i;
	struct iovec *items;
	struct pp_results *b;
	uint8_t *to;
	int r;

	if (!n_args || n_args > 4096)
		return fail(-EINVAL, "%u arguments an item: 1 to 4096", n_args);
	for (i = 0; i < n; i++)
		total += packed_size(&args[i * n_args], n_args);
	items = malloc(n * sizeof(*items) + total + LANE_ALIGN);
	if (!items)
		return fail(-ENOMEM, "no memory for %zu bytes of arguments", total);
	to = (uint8_t *)(items + n);
	for (i = 0; i < n; i++) {
		items[i].iov_base = to;
		items[i].iov_len = packed_size(&args[i * n_args], n_args);
		pack(to, &args[i * n_args], n_args);
		to += items[i].iov_len;
	}
	r = map_async(pool, task, items, n, opts, items, &b);
	if (r < 0)
		return r;
	r = pp_results_wait(b, -1);
	if (r < 0) {
		pp_results_free(b);
		return r;
	}
	*ret_results = b;
	return 0;
}

int pp_results_cancel(struct pp_results *b)
{
	struct pp_pool *pool = b->work.pool;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	batch_cancel_locked(pool, b, -ECANCELED, "cancelled");
	batch_maybe_end(pool, b);
	drive_locked(pool, true);
	leave_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

size_t pp_results_count(const struct pp_results *b)
{
	return b->n;
}

size_t pp_results_ended(const struct pp_results *b)
{
	return load_relaxed(&b->ended);
}

size_t pp_results_bad(const struct pp_results *b)
{
	return load_relaxed(&b->bad_count);
}

void item_result(const struct item *item, size_t index, struct pp_result *r)
{
	memset(r, 0, sizeof(*r));
	r->outcome = (enum pp_outcome)item->outcome;
	r->exit_status = -1;
	r->message = "";
	r->worker_pid = (pid_t)item->pid;
	r->attempts = item->attempts;
	r->index = index;
	if (item->outcome == PP_DONE && item->at) {
		r->data = item->at;
		r->len = item->len;
	} else {
		r->outcome = item->outcome == PP_DONE ? PP_CANCELLED : r->outcome;
		bad_result(item->outcome == PP_DONE ? NULL : item->at, r);
	}
}

int pp_results_get(const struct pp_results *b, size_t i, struct pp_result *ret_result)
{
	if (i >= b->n)
		return fail(-ERANGE, "no item %zu of %zu", i, b->n);
	if (!load_acquire(&b->item[i].outcome))
		return fail(-EAGAIN, "item %zu has not ended; wait for it first", i);
	item_result(&b->item[i], i, ret_result);
	return 0;
}

void pp_results_free(struct pp_results *b)
{
	struct pp_pool *pool;

	if (!b)
		return;
	pool = b->work.pool;
	if (is_foreign(&pool->owned))
		return;
	pthread_mutex_lock(&pool->lock);
	__atomic_add_fetch(&pool->refs, 1, __ATOMIC_RELAXED);
	batch_cancel_locked(pool, b, -ECANCELED, "cancelled");
	b->freed = true;
	batch_maybe_end(pool, b);
	pthread_mutex_unlock(&pool->lock);
	pool_unref(pool);
}
