/* SPDX-License-Identifier: MIT */
/*
 * From pending work into lanes: which worker, how many items, and the records themselves.
 *
 * A worker has several records queued, so that it never waits for the caller. Which worker: while items are
 * so short that waking a sleeper costs more than they do, the one that is awake gets more of them; else the
 * one with the least. A worker that is stuck in a long item loses what waits behind it to idle ones
 * (rebalance): what has not begun can be taken back, by an exchange on its claim.
 */
#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "forkscope/pool_marks.h"
#include "pool.h"

#define WAKE_WORTH (30 * US) /* work that pays for waking one more */
#define QUEUE_WORTH (400 * US) /* work kept queued in a lane */

void ring_bell(struct lane *lane)
{
	store_release(&lane->ch.map.caller->doorbell, lane->ch.map.caller->doorbell + 1);
	(void)syscall(SYS_futex, &lane->ch.map.caller->doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
	lane->pool->stats.wakes++;
}

/* Shows the worker what was written, and wakes it if it sleeps and was not yet woken from this sleep. */
static void publish(struct lane *lane)
{
	uint32_t parked, spin = lane->pool->busy < lane->pool->cpus;

	if (lane->ch.map.caller->spin_ok != spin)
		store_relaxed(&lane->ch.map.caller->spin_ok, spin);
	store_release(&lane->ch.map.caller->sub_tail, lane->sub_tail);
	full_fence();
	parked = load_relaxed(&lane->ch.map.worker->parked);
	if ((parked & PARK_BIT) && parked != lane->rung) {
		lane->rung = parked;
		ring_bell(lane);
	}
}

/*
 * Takes over how far the worker says it has read. Whatever it says, records of items that have not ended stay:
 * they are read again when the worker dies.
 */
static void look_how_far(struct lane *lane)
{
	uint64_t passed = load_acquire(&lane->ch.map.worker->passed), most = lane->sub_tail;
	uint64_t seq = load_relaxed(&lane->ch.map.worker->passed_seq), most_seq = lane->next_seq;

	pop_finished(lane);
	if (passed > most || seq > most_seq)
		return;
	if (lane->n_inflight) {
		const struct inflight *e = entry_of(lane, lane->first_seq);
		const struct sub_rec *rec = (const void *)(lane->ch.map.sub + e->at);

		most = e->end - rec->size;
		most_seq = lane->first_seq;
	}
	passed = passed < most ? passed : most;
	seq = seq < most_seq ? seq : most_seq;
	if (passed > lane->sub_freed)
		lane->sub_freed = passed;
	if (seq > lane->passed_seq)
		lane->passed_seq = seq;
}

/* Room for a record of this size, contiguous; NULL when the ring is too full. */
static struct sub_rec *reserve(struct lane *lane, uint32_t size)
{
	uint32_t off = lane->sub_tail & (LANE_SUB_SIZE - 1), contiguous = LANE_SUB_SIZE - off;
	uint64_t room;
	struct sub_rec *rec;

	if (LANE_SUB_SIZE - (lane->sub_tail - lane->sub_freed) < contiguous + size)
		look_how_far(lane);
	room = LANE_SUB_SIZE - (lane->sub_tail - lane->sub_freed);

	if (contiguous < size) {
		if (room < contiguous + size)
			return NULL;
		rec = (void *)(lane->ch.map.sub + off);
		rec->size = contiguous;
		rec->kind = REC_PAD;
		lane->sub_tail += contiguous;
		off = 0;
	} else if (room < size) {
		return NULL;
	}
	rec = (void *)(lane->ch.map.sub + off);
	rec->size = size;
	rec->flags = 0;
	lane->sub_tail += size;
	return rec;
}

/* Tells the worker which function a task number stands for, once. False: no room now. */
static bool define(struct lane *lane, const struct task *task)
{
	struct sub_rec *rec;

	if (task->id >= lane->n_defined) {
		uint32_t n = task->id + 64;
		uint8_t *grown = realloc(lane->defined, n);

		if (!grown)
			return false;
		memset(grown + lane->n_defined, 0, n - lane->n_defined);
		lane->defined = grown;
		lane->n_defined = n;
	}
	if (lane->defined[task->id])
		return true;
	rec = reserve(lane, lane_align(sub_data(0) + define_size(task)));
	if (!rec)
		return false;
	rec->kind = REC_DEFINE;
	rec->count = 0;
	define_write((void *)((uint8_t *)rec + sub_data(0)), task->id, task);
	lane->defined[task->id] = 1;
	return true;
}

/* A RUN record of `bytes` data for `count` items, with its entry. NULL: no room. */
static struct sub_rec *begin_run(struct lane *lane, const struct task *task, struct work *work,
				 uint32_t count, uint32_t bytes, struct inflight **ret_entry)
{
	struct inflight *e;
	struct sub_rec *rec;

	if (lane->next_seq - lane->passed_seq >= LANE_SLOTS - 1)
		look_how_far(lane);
	if (lane->next_seq - lane->passed_seq >= LANE_SLOTS - 1 || !define(lane, task))
		return NULL;
	rec = reserve(lane, lane_align(sub_data(count) + bytes));
	if (!rec)
		return NULL;
	rec->kind = REC_RUN;
	rec->seq = lane->next_seq;
	rec->index = 0;
	rec->task = task->id;
	rec->count = count;
	rec->attempt = 0;
	e = entry_of(lane, lane->next_seq++);
	memset(e, 0, sizeof(*e));
	e->work = work;
	e->count = count;
	e->end = lane->sub_tail;
	e->at = (uint32_t)((uint8_t *)rec - lane->ch.map.sub);
	if (work && work->timeout_ns > 0) {
		int64_t check = deadline_after(work->timeout_ns);

		rec->flags |= REC_TIMED;
		e->timed = 1;
		if (check < lane->check_ns)
			lane->check_ns = check;
	}
	if (!lane->n_inflight++)
		lane->pool->busy++;
	lane->items_out += count;
	lane->items_given += count;
	*ret_entry = e;
	return rec;
}

/* Takes back a record that was not published, of which `written` items were written. */
static void abandon_run(struct lane *lane, struct inflight *e, const struct sub_rec *rec,
			uint32_t written)
{
	lane->next_seq--;
	if (!--lane->n_inflight)
		lane->pool->busy--;
	lane->items_out -= e->count;
	lane->items_given -= e->count;
	e->count = written;
	free_inputs(lane, e);
	lane->sub_tail -= rec->size;
}

static void put_bytes(struct sub_rec *rec, uint32_t i, uint32_t *at, enum item_kind kind,
		      const void *data, uint32_t len)
{
	if (len)
		memcpy((uint8_t *)rec + *at, data, len);
	rec->ends[i] = (uint32_t)kind << END_SHIFT | (*at + len);
	*at = lane_align(*at + len);
}

static void mark_queued(const struct lane *lane, const struct task *task, const struct sub_rec *rec,
			uint64_t number)
{
	FORKSCOPE_POOL(FS_EV_TASK_SUBMIT, task->name, .pool = lane->pool->number, .task = number,
		       .worker = lane->number, .worker_pid = (uint32_t)lane_pid(lane),
		       .start_method = lane->pool->context->start, .record = rec->seq,
		       .count = rec->count, .attempt = rec->attempt);
}

/* ---- choosing ---- */

static unsigned depth_of(const struct pp_pool *pool)
{
	int64_t n = pool->est_ns ? QUEUE_WORTH / pool->est_ns : 8;

	return n < 4 ? 4 : n > LANE_SLOTS - 8 ? LANE_SLOTS - 8 : (unsigned)n;
}

static uint64_t items_left(const struct lane *lane)
{
	uint64_t max = lane->pool->max_tasks;

	return !max ? UINT64_MAX : max > lane->items_given ? max - lane->items_given : 0;
}

static bool takes_more(const struct lane *lane, unsigned depth)
{
	return lane->used && lane->active && !lane->retiring && lane->n_inflight < depth &&
	       !(lane->alone && lane->n_inflight) && items_left(lane) > 0;
}

static struct lane *choose(struct pp_pool *pool)
{
	unsigned depth = depth_of(pool), i, start;
	int64_t burst = pool->est_ns ? WAKE_WORTH / pool->est_ns : 1;
	struct lane *cur = pool->current, *best = NULL;

	/* Also when it has nothing: it was the last to run, and may still be spinning. */
	if (cur && cur->n_inflight < (burst > 1 ? burst : 1) && takes_more(cur, depth))
		return cur;
	start = cur ? cur->place + 1 : 0;
	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[(start + i) % pool->n_lanes];

		if (lane && takes_more(lane, depth) &&
		    (!best || lane->n_inflight < best->n_inflight)) {
			best = lane;
			if (!best->n_inflight)
				break;
		}
	}
	if (best)
		pool->current = best;
	return best;
}

/* A worker that has nothing. */
static struct lane *choose_empty(struct pp_pool *pool)
{
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++)
		if (pool->lanes[i] && takes_more(pool->lanes[i], 1))
			return pool->lanes[i];
	return NULL;
}

/* ---- futures ---- */

/* A large input goes to the arena, once. */
static int input_to_arena(struct pp_pool *pool, struct pp_future *f)
{
	pool->arena_full = arena_get(&pool->arena, f->in_len, &f->in_off) < 0;
	if (pool->arena_full)
		return -ENOMEM;
	memcpy(pool->arena.base + f->in_off, f->in, f->in_len);
	if (f->in_copied)
		free((void *)(uintptr_t)f->in);
	f->in_copied = false;
	f->in_arena = true;
	return 0;
}

static bool put_future_in(struct lane *lane, struct pp_future *f)
{
	struct inflight *e;
	struct sub_rec *rec;
	uint32_t at = sub_data(1);

	if (f->in_len > LANE_INLINE_MAX && !f->in_arena && input_to_arena(lane->pool, f) < 0)
		return false;
	rec = begin_run(lane, f->work.task, &f->work, 1,
			f->in_arena ? (uint32_t)sizeof(struct item_ref) : (uint32_t)f->in_len, &e);
	if (!rec)
		return false;
	rec->attempt = e->attempt = f->attempts;
	e->strays = f->strays;
	if (f->in_arena) {
		struct item_ref ref = { f->in_off, f->in_len, 0, 0 };

		put_bytes(rec, 0, &at, ITEM_ARENA, &ref, sizeof(ref));
	} else {
		put_bytes(rec, 0, &at, ITEM_PLAIN, f->in, (uint32_t)f->in_len);
	}
	f->lane = lane;
	f->seq = rec->seq;
	/* Small inputs are in the ring until the end, which is where a retry finds them again. */
	if (f->in_copied) {
		free((void *)(uintptr_t)f->in);
		f->in_copied = false;
	}
	if (!f->in_arena)
		f->in = NULL;
	mark_queued(lane, f->work.task, rec, f->number);
	publish(lane);
	return true;
}

bool put_future(struct pp_pool *pool, struct pp_future *f)
{
	struct lane *lane = list_empty(&pool->pending) ? choose(pool) : NULL;

	if (lane)
		lane->alone = false;
	return lane && put_future_in(lane, f);
}

int put_init(struct lane *lane)
{
	struct pp_pool *pool = lane->pool;
	uint32_t at = sub_data(1);
	struct inflight *e;
	struct sub_rec *rec;

	if (!pool->init_task)
		return 0;
	rec = begin_run(lane, pool->init_task, NULL, 1,
			pool->init_len > LANE_INLINE_MAX ? (uint32_t)sizeof(struct item_ref)
							 : (uint32_t)pool->init_len,
			&e);
	if (!rec)
		return -ENOBUFS;
	lane->items_given--;
	lane->uninitialised = true;
	rec->flags |= REC_INIT;
	if (pool->init_len > LANE_INLINE_MAX) {
		struct item_ref ref = { .len = pool->init_len };

		if (arena_get(&pool->arena, pool->init_len, &ref.off) < 0) {
			abandon_run(lane, e, rec, 0);
			return -ENOMEM;
		}
		memcpy(pool->arena.base + ref.off, pool->init_in, pool->init_len);
		e->has_arena = 1;
		put_bytes(rec, 0, &at, ITEM_ARENA, &ref, sizeof(ref));
	} else {
		put_bytes(rec, 0, &at, ITEM_PLAIN, pool->init_in, (uint32_t)pool->init_len);
	}
	publish(lane);
	return 0;
}

void put_quit(struct lane *lane)
{
	struct sub_rec *rec = lane->quit_sent ? NULL : reserve(lane, lane_align(sub_data(0)));

	lane->retiring = true;
	if (!rec)
		return;
	rec->kind = REC_QUIT;
	lane->quit_sent = true;
	publish(lane);
}

/* ---- batches ---- */

/* How many items from `first` make one record, and their bytes in it. */
static uint32_t measure(const struct pp_results *b, size_t first, uint64_t max, uint32_t *ret_bytes)
{
	uint32_t bytes = 0, n = 0;

	while (n < max) {
		size_t len = b->items[first + n].iov_len;
		uint32_t add = len > LANE_INLINE_MAX ? (uint32_t)sizeof(struct item_ref)
						     : lane_align((uint32_t)len);

		if (n && bytes + add > LANE_CHUNK_BYTES)
			break;
		bytes += add;
		n++;
	}
	*ret_bytes = bytes;
	return n;
}

/* Returns how many were written: fewer than count when the arena is full. */
static uint32_t write_items(struct pp_pool *pool, const struct pp_results *b, struct sub_rec *rec,
			    size_t first, uint32_t count, struct inflight *e)
{
	uint32_t at = sub_data(count), i;

	for (i = 0; i < count; i++) {
		const struct iovec *item = &b->items[first + i];
		struct item_ref ref = { .len = item->iov_len };

		if (item->iov_len <= LANE_INLINE_MAX) {
			put_bytes(rec, i, &at, ITEM_PLAIN, item->iov_base, (uint32_t)item->iov_len);
			continue;
		}
		pool->arena_full = arena_get(&pool->arena, item->iov_len, &ref.off) < 0;
		if (pool->arena_full)
			break;
		memcpy(pool->arena.base + ref.off, item->iov_base, item->iov_len);
		e->has_arena = 1;
		put_bytes(rec, i, &at, ITEM_ARENA, &ref, sizeof(ref));
	}
	return i;
}

/* The first item that waits, and how many with it. */
static size_t first_waiting(const struct pp_results *b, size_t *ret_first)
{
	*ret_first = b->ranges ? b->ranges->first : b->next;
	return b->ranges ? b->ranges->count : b->n - b->next;
}

static void step_over(struct pp_results *b, uint32_t count)
{
	struct range *range = b->ranges;

	if (!range) {
		b->next += count;
		return;
	}
	range->first += count;
	range->count -= count;
	if (!range->count) {
		b->ranges = range->next;
		free(range);
	}
}

/* The next chunk of a batch. False: no room in this lane, or not in the arena. */
static bool put_chunk(struct lane *lane, struct pp_results *b)
{
	struct range *range = b->ranges;
	size_t first, have = first_waiting(b, &first);
	uint64_t max = b->chunk < LANE_CHUNK_ITEMS ? b->chunk : LANE_CHUNK_ITEMS;
	struct inflight *e;
	struct sub_rec *rec;
	uint32_t bytes, count, written;

	max = range && range->strays ? 1 : max < have ? max : have;
	max = max < items_left(lane) ? max : items_left(lane);
	for (;;) {
		count = measure(b, first, max, &bytes);
		rec = begin_run(lane, b->work.task, &b->work, count, bytes, &e);
		if (!rec)
			return false;
		rec->index = e->first = first;
		rec->attempt = e->attempt = range ? range->attempt : 0;
		e->strays = range ? range->strays : 0;
		written = write_items(lane->pool, b, rec, first, count, e);
		if (written == count)
			break;
		abandon_run(lane, e, rec, written);
		if (!written)
			return false;
		/* As many as there was room for. */
		max = written;
	}
	step_over(b, count);
	b->inflight++;
	mark_queued(lane, b->work.task, rec, b->number + first);
	publish(lane);
	return true;
}

/* ---- the queue ---- */

void pending_add(struct work *work, bool front)
{
	if (work->waiting)
		return;
	work->waiting = true;
	if (front)
		list_prepend(&work->pool->pending, &work->link);
	else
		list_append(&work->pool->pending, &work->link);
}

void pending_remove(struct work *work)
{
	if (work->waiting)
		list_remove(&work->link);
	work->waiting = false;
}

/* It was with a worker that ended for a reason unknown. */
static bool is_stray(const struct work *work)
{
	const struct pp_results *b = container_of(work, struct pp_results, work);

	if (work->kind == WORK_FUTURE)
		return container_of(work, struct pp_future, work)->strays > 0;
	return b->ranges && b->ranges->strays > 0;
}

/* Work that waits and has room in the arena already, which it will give back. */
static bool others_hold_room(const struct pp_pool *pool)
{
	const struct link *at;

	for (at = pool->pending.next; at != &pool->pending; at = at->next) {
		const struct work *work = container_of(at, struct work, link);

		if (work->kind == WORK_FUTURE &&
		    container_of(work, struct pp_future, work)->in_arena)
			return true;
	}
	return false;
}

/*
 * The first in the queue finds no room for its input, and no worker has anything that would give some back: it
 * steps behind those that have, or ends. False: it can wait.
 */
static bool give_up_first(struct pp_pool *pool, struct work *work)
{
	static const char text[] = "no room for its input in shared memory";
	struct pp_results *b = container_of(work, struct pp_results, work);
	size_t first;

	if (!pool->arena_full || pool->busy)
		return false;
	pool->arena_full = false;
	if (others_hold_room(pool)) {
		pending_remove(work);
		pending_add(work, false);
		return true;
	}
	if (work->kind == WORK_FUTURE) {
		pending_remove(work);
		end_item_badly(pool, work, 0, container_of(work, struct pp_future, work)->attempts,
			       PP_CANCELLED, -ENOMEM, NULL, 0, text);
		return true;
	}
	(void)first_waiting(b, &first);
	step_over(b, 1);
	if (b->next == b->n && !b->ranges)
		pending_remove(work);
	end_item_badly(pool, work, first, b->item[first].attempts, PP_CANCELLED, -ENOMEM, NULL, 0,
		       text);
	batch_maybe_end(pool, b);
	return true;
}

static bool put_work(struct lane *lane, struct work *work)
{
	struct pp_results *b = container_of(work, struct pp_results, work);

	if (work->kind == WORK_FUTURE) {
		if (!put_future_in(lane, container_of(work, struct pp_future, work)))
			return false;
		pending_remove(work);
		return true;
	}
	if (!put_chunk(lane, b))
		return false;
	if (b->next == b->n && !b->ranges)
		pending_remove(work);
	return true;
}

void dispatch_locked(struct pp_pool *pool)
{
	while (!list_empty(&pool->pending) && !pool->stopped) {
		struct work *work = container_of(pool->pending.next, struct work, link);
		bool alone = is_stray(work);
		struct lane *lane = alone ? choose_empty(pool) : choose(pool);

		if (!lane)
			return;
		lane->alone = alone;
		if (!put_work(lane, work) && !give_up_first(pool, work))
			return;
	}
}

bool take_back(struct lane *lane, uint64_t seq)
{
	struct inflight *e = entry_of(lane, seq);

	if (__atomic_exchange_n(lane_claim(&lane->ch.map, seq), CLAIM_REVOKED(seq),
				__ATOMIC_SEQ_CST) == CLAIM_BEGUN(seq))
		return false;
	e->state = ENTRY_REVOKED;
	lane->robbed = true;
	return true;
}

/* Entries at the front that are over give their ring space back. */
void pop_finished(struct lane *lane)
{
	while (lane->n_inflight) {
		struct inflight *e = entry_of(lane, lane->first_seq);

		if (e->state == ENTRY_OPEN && e->done < e->count)
			return;
		if (e->has_arena)
			free_inputs(lane, e);
		lane->items_out -= e->count;
		if (e->state == ENTRY_OPEN)
			lane->last_run = run_word(lane->first_seq, e->count, false);
		if (e->state == ENTRY_OPEN && e->end > lane->sub_freed) {
			lane->sub_freed = e->end;
			lane->passed_seq = lane->first_seq + 1;
		}
		lane->first_seq++;
		if (!--lane->n_inflight)
			lane->pool->busy--;
	}
}
