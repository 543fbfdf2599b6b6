/* SPDX-License-Identifier: MIT */
/*
 * From completion rings into futures and batches. What a worker wrote is copied before it is looked at
 * twice, and nothing in it is believed: a lane that holds nonsense is a worker that must be killed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pool.h"

/* A lane whose results are kept by many futures would run out of blocks: past this they are copied out. */
#define HELD_MAX 32u
#define FIGURE_MAX (1ll << 60)

void held_release(struct held *held)
{
	if (!held->memory)
		return;
	store_release(&held->memory->map.released[held->block], held->gen);
	memory_unref(held->memory);
	held->memory = NULL;
}

void free_inputs(struct lane *lane, const struct inflight *e)
{
	const struct sub_rec *rec = (const void *)(lane->ch.map.sub + e->at);
	uint32_t i, start = sub_data(e->count ? rec->count : 0);

	for (i = 0; i < e->count; i++) {
		struct item_ref ref;

		if (rec->ends[i] >> END_SHIFT == ITEM_ARENA) {
			memcpy(&ref, (const uint8_t *)rec + start, sizeof(ref));
			arena_put(&lane->pool->arena, ref.off, ref.len);
		}
		start = lane_align(rec->ends[i] & END_MASK);
	}
}

/* A result that a worker left in its arena: the bytes there, checked. */
static int find_block(const struct lane *lane, const uint8_t *data, struct item_ref *ret_ref,
		      const uint8_t **ret_at)
{
	memcpy(ret_ref, data, sizeof(*ret_ref));
	if (ret_ref->block >= LANE_BLOCKS || ret_ref->len > PP_PAYLOAD_MAX ||
	    ret_ref->off > lane->ch.map.arena_size ||
	    ret_ref->len > lane->ch.map.arena_size - ret_ref->off)
		return -EBADMSG;
	*ret_at = lane->ch.map.arena + ret_ref->off;
	return 0;
}

static unsigned held_now(const struct lane *lane)
{
	return (unsigned)__atomic_load_n(&lane->ch.memory->refs, __ATOMIC_RELAXED);
}

static void hold(struct lane *lane, const struct item_ref *ref, struct held *ret_held)
{
	ret_held->memory = memory_ref(lane->ch.memory);
	ret_held->block = ref->block;
	ret_held->gen = ref->gen;
}

/* Large results stay where they are, or, when many are kept already, move to `*ret_own`. */
static const void *keep_block(struct lane *lane, const struct item_ref *ref, const uint8_t *at,
			      struct held *ret_held, void **ret_own)
{
	void *copy = held_now(lane) > HELD_MAX ? malloc(ref->len) : NULL;

	if (!copy) {
		hold(lane, ref, ret_held);
		return at;
	}
	memcpy(copy, at, ref->len);
	store_release(&lane->ch.map.released[ref->block], ref->gen);
	*ret_own = copy;
	return copy;
}

/* ---- bad ends ---- */

static struct bad *bad_new(enum pp_outcome outcome, int code, const struct ending *ending,
			   const char *message, size_t len)
{
	static const struct ending none = { 0, -1, false };
	struct bad *bad = malloc(sizeof(*bad) + len + 1);

	if (!bad)
		return NULL;
	bad->next = NULL;
	bad->outcome = outcome;
	bad->code = code;
	bad->ending = ending ? *ending : none;
	memcpy(bad->message, message, len);
	bad->message[len] = '\0';
	return bad;
}

void bad_result(const struct bad *bad, struct pp_result *r)
{
	/* Without memory for the reason, the outcome alone is told. */
	r->data = "";
	r->len = 0;
	r->message = "out of memory for the reason";
	if (!bad)
		return;
	r->outcome = bad->outcome;
	r->code = bad->code;
	r->message = bad->message;
	r->signal = bad->ending.signal;
	r->exit_status = bad->ending.exit_status;
	r->core_dumped = bad->ending.core;
}

static void count_outcome(struct pp_pool *pool, enum pp_outcome outcome)
{
	struct pp_pool_stats *s = &pool->stats;
	uint64_t *counts[] = { NULL, &s->done, &s->failed, &s->died, &s->timed_out, &s->cancelled };

	(*counts[outcome])++;
	pool->ended++;
}

static void batch_item_bad(struct pp_results *b, size_t i, enum pp_outcome outcome, struct bad *bad,
			   unsigned attempts, pid_t pid)
{
	struct item *item = &b->item[i];

	if (bad) {
		bad->next = b->bads;
		b->bads = bad;
	}
	item->at = bad;
	item->len = 0;
	item->pid = (uint32_t)pid;
	item->attempts = (uint8_t)(attempts > 255 ? 255 : attempts);
	item->outcome = (uint8_t)outcome;
	b->ended++;
	b->bad_count++;
	count_outcome(b->work.pool, outcome);
}

void end_item_badly(struct pp_pool *pool, struct work *work, size_t i, unsigned attempts,
		    enum pp_outcome outcome, int code, const struct ending *ending, pid_t pid,
		    const char *message)
{
	struct bad *bad;

	if (work->kind == WORK_BATCH) {
		struct pp_results *b = container_of(work, struct pp_results, work);

		if (b->item[i].outcome)
			return;
		bad = bad_new(outcome, code, ending, message, strlen(message));
		batch_item_bad(b, i, outcome, bad, attempts, pid);
	} else {
		struct pp_future *f = container_of(work, struct pp_future, work);

		if (f->state == FUTURE_ENDED)
			return;
		f->bad = bad_new(outcome, code, ending, message, strlen(message));
		f->attempts = attempts;
		f->pid = pid;
		count_outcome(pool, outcome);
		future_end(pool, f);
	}
}

/* ---- good ends ---- */

static int future_take(struct lane *lane, struct pp_future *f, struct inflight *e,
		       const struct comp_view *view)
{
	enum item_kind kind;
	const uint8_t *data;
	uint32_t len;
	struct item_ref ref;

	if (comp_item(view->at, view, 0, &kind, &data, &len) < 0)
		return -EBADMSG;
	if (kind == ITEM_ARENA && find_block(lane, data, &ref, &data) < 0)
		return -EBADMSG;
	e->done = 1;
	f->lane = NULL;
	f->attempts++;
	f->pid = lane_pid(lane);
	if (f->drop) {
		if (kind == ITEM_ARENA)
			store_release(&lane->ch.map.released[ref.block], ref.gen);
	} else if (kind == ITEM_FAILED) {
		int32_t code;

		memcpy(&code, data, sizeof(code));
		f->bad = bad_new(PP_FAILED, code, NULL, (const char *)data + 4, len - 4);
		f->data = NULL;
	} else if (kind == ITEM_ARENA) {
		f->data = keep_block(lane, &ref, data, &f->held, &f->own);
		f->len = ref.len;
	} else {
		uint8_t *to = len <= sizeof(f->small) ? f->small : (f->own = malloc(len));

		if (to)
			memcpy(to, data, len);
		else
			f->bad = bad_new(PP_CANCELLED, -ENOMEM, NULL, "no memory for the result",
					 24);
		f->data = to;
		f->len = len;
	}
	if (!f->drop) {
		count_outcome(lane->pool, f->data ? PP_DONE : f->bad ? f->bad->outcome : PP_FAILED);
		future_end(lane->pool, f);
	} else if (f->freed) {
		future_recycle(lane->pool, f);
	}
	return 0;
}

static void batch_hold(struct lane *lane, struct pp_results *b, struct item *item,
		       const struct item_ref *ref, const uint8_t *at)
{
	struct held_item *held = malloc(sizeof(*held));
	struct blob *blob;

	item->len = (uint32_t)ref->len;
	item->at = at;
	if (held && held_now(lane) <= HELD_MAX) {
		hold(lane, ref, &held->held);
		held->next = b->held;
		b->held = held;
		return;
	}
	free(held);
	blob = malloc(sizeof(*blob) + ref->len);
	if (blob) {
		memcpy(blob->bytes, at, ref->len);
		blob->next = b->blobs;
		b->blobs = blob;
		item->at = blob->bytes;
	} else {
		item->at = NULL;
	}
	store_release(&lane->ch.map.released[ref->block], ref->gen);
}

static int batch_item(struct lane *lane, struct pp_results *b, const struct comp_view *view,
		      const uint8_t *copy, uint32_t k, size_t i, unsigned attempt)
{
	struct item *item = &b->item[i];
	enum item_kind kind;
	const uint8_t *data;
	uint32_t len;
	struct item_ref ref;

	if (comp_item(copy, view, k, &kind, &data, &len) < 0)
		return -EBADMSG;
	if (kind == ITEM_ARENA && find_block(lane, data, &ref, &data) < 0)
		return -EBADMSG;
	if (b->cancelled || item->outcome) {
		if (kind == ITEM_ARENA)
			store_release(&lane->ch.map.released[ref.block], ref.gen);
		return 0;
	}
	if (kind == ITEM_FAILED) {
		int32_t code;

		memcpy(&code, data, sizeof(code));
		batch_item_bad(b, i, PP_FAILED,
			       bad_new(PP_FAILED, code, NULL, (const char *)data + 4, len - 4),
			       attempt + 1, lane_pid(lane));
		return 0;
	}
	item->pid = (uint32_t)lane_pid(lane);
	item->attempts = (uint8_t)(attempt < 255 ? attempt + 1 : 255);
	item->at = data;
	item->len = len;
	if (kind == ITEM_ARENA)
		batch_hold(lane, b, item, &ref, data);
	item->outcome = PP_DONE;
	return 1;
}

/* Nonsense ends it: what came before it is taken, and e->done says how many that were. */
static int batch_take(struct lane *lane, struct pp_results *b, struct inflight *e,
		      const struct comp_view *view)
{
	struct blob *blob = malloc(sizeof(*blob) + view->size);
	uint32_t k;
	size_t done = 0;
	int r = 0;

	if (!blob) {
		for (k = 0; k < view->count; k++)
			end_item_badly(lane->pool, &b->work, e->first + view->first + k, 1,
				       PP_CANCELLED, -ENOMEM, NULL, lane_pid(lane),
				       "no memory for the result");
		e->done += view->count;
		return 0;
	}
	memcpy(blob->bytes, view->at, view->size);
	blob->next = b->blobs;
	b->blobs = blob;
	for (k = 0; k < view->count; k++) {
		r = batch_item(lane, b, view, blob->bytes, k, e->first + view->first + k,
			       e->attempt);
		if (r < 0)
			break;
		done += r > 0;
		e->done++;
	}
	b->ended += done;
	lane->pool->ended += done;
	lane->pool->stats.done += done;
	return r < 0 ? r : 0;
}

/* The initializer's end: a failure stops the pool. */
static int init_take(struct lane *lane, struct inflight *e, const struct comp_view *view)
{
	enum item_kind kind;
	const uint8_t *data;
	uint32_t len;
	int32_t code;

	if (comp_item(view->at, view, 0, &kind, &data, &len) < 0)
		return -EBADMSG;
	if (kind == ITEM_FAILED) {
		memcpy(&code, data, sizeof(code));
		pool_stop_locked(lane->pool, "initializer %s failed with code %d%s%.*s",
				 lane->pool->init_name, code, len > 4 ? ": " : "", (int)(len - 4),
				 (const char *)data + 4);
	}
	e->done = 1;
	lane->uninitialised = false;
	return 0;
}

bool take_record(struct lane *lane, const struct comp_view *view)
{
	struct inflight *e;
	int r;

	pop_finished(lane);
	if (!lane->n_inflight || view->seq != lane->first_seq)
		return false;
	e = entry_of(lane, view->seq);
	if (view->first != e->done || view->count > e->count - e->done)
		return false;
	if (!view->count)
		return true;
	if (!e->work) {
		r = init_take(lane, e, view);
	} else if (e->work->kind == WORK_FUTURE) {
		r = future_take(lane, container_of(e->work, struct pp_future, work), e, view);
	} else {
		struct pp_results *b = container_of(e->work, struct pp_results, work);

		r = batch_take(lane, b, e, view);
		if (e->done == e->count) {
			b->inflight--;
			e->work = NULL;
		}
		batch_maybe_end(lane->pool, b);
	}
	return r == 0;
}

/* How long an item takes, from what the workers count; new figures weigh a quarter. */
static void estimate(struct lane *lane)
{
	struct lane_worker *w = lane->ch.map.worker;
	uint64_t ended = lane->items_given - lane->items_out, items;
	int64_t busy, est;

	/* A look takes the line from the worker, which writes there at each record. */
	if (ended - lane->seen_ended < (lane->seen_items ? 64 : 4))
		return;
	items = load_relaxed(&w->items);
	busy = load_relaxed(&w->busy_ns);

	/* Figures that nobody could have reached in time are none. */
	if (items <= lane->seen_items || items > (uint64_t)FIGURE_MAX || busy <= lane->seen_busy ||
	    busy > FIGURE_MAX || items - lane->seen_items < (lane->seen_items ? 64 : 4))
		return;
	est = (busy - lane->seen_busy) / (int64_t)(items - lane->seen_items);
	lane->seen_ended = ended;
	lane->seen_items = items;
	lane->seen_busy = busy;
	est = est < 1 ? 1 : est;
	lane->pool->est_ns = lane->pool->est_ns ? (3 * lane->pool->est_ns + est) / 4 : est;
}

bool drain_locked(struct lane *lane)
{
	struct lane_caller *c = lane->ch.map.caller;
	uint64_t tail = load_acquire(&lane->ch.map.worker->comp_tail);
	uint64_t head = lane->comp_head;
	struct comp_view view;
	bool ok = true;
	int r = 0;

	if (head == tail)
		return true;
	while (ok && (r = comp_next(lane->ch.map.comp, head, tail, &view)) > 0) {
		if (view.kind == REC_RUN)
			ok = take_record(lane, &view);
		/* Who looks next finds the same nonsense. */
		if (!ok)
			break;
		head += view.size;
		/* A worker waiting for room goes on as soon as there is some. */
		store_release(&c->comp_head, head);
	}
	lane->comp_head = head;
	pop_finished(lane);
	estimate(lane);
	full_fence();
	r = r < 0 ? r : 0;
	if (load_relaxed(&lane->ch.map.worker->parked) & PARK_SPACE)
		ring_bell(lane);
	return ok && r == 0;
}
