/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the items that a worker had.
 *
 * When a worker has ended, however: what it published is drained; whole items of the record it had open are
 * taken; the one item it was in is blamed (died, or timed out or cancelled when that is why it was killed; or
 * tried again); everything else it had goes back to the front of the queue as if never handed out. So each
 * item ends exactly once. Which item that was is told by the worker's notes, which a task may have written
 * over: see judge().
 *
 * A worker that lives gives back, too: what it has not begun, while others have nothing to do.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "pool.h"

#define STRAYS_MAX 16u

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

#define ALL UINT32_MAX

/*
 * Items done .. count-1 of an entry, which its worker will not run. `attempt` is the first one's; the first
 * `n` keep what is known of the entry, those behind them were never near the worker.
 */
static void requeue(struct lane *lane, struct inflight *e, unsigned attempt, uint32_t n)
{
	uint32_t left = e->count - e->done;

	n = n < left ? n : left;
	if (e->work && e->work->kind == WORK_FUTURE) {
		struct pp_future *f = container_of(e->work, struct pp_future, work);

		f->attempts = attempt;
		f->strays = e->strays;
		requeue_future(lane, e, f);
	} else if (e->work) {
		struct pp_results *b = container_of(e->work, struct pp_results, work);
		size_t first = e->first + e->done;

		b->inflight--;
		if (!b->cancelled && left > n)
			batch_requeue(lane->pool, b, first + n, left - n, 0, 0);
		if (!b->cancelled)
			batch_requeue(lane->pool, b, first, n, attempt, e->strays);
		batch_maybe_end(lane->pool, b);
	}
	/* It is not in this lane any more, whatever is looked for in it from now on. */
	e->work = NULL;
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
		requeue(from, e, e->attempt, ALL);
		open--;
	}
	pool->current = idle;
	dispatch_locked(pool);
}

/* ---- the end of a worker ---- */

void describe_ending(const struct lane *lane, const struct ending *ending, char *text, size_t size)
{
	if (lane->ch.is_thread)
		snprintf(text, size, "its thread ended while running it");
	else if (lane->why == KILLED_BROKEN)
		snprintf(text, size,
			 "its worker had written over the memory it shares with its caller");
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
	describe_ending(lane, ending, text, sizeof(text));
	end_item_badly(pool, e->work, i, attempts, PP_DIED, 0, ending, pid, text);
	return false;
}

/* Whether the worker was killed for an item that ended while the signal was on its way. */
static bool for_other_item(struct lane *lane, uint64_t run)
{
	return lane->why_run != (lane->why == KILLED_BROKEN ? front_word(lane) : run);
}

enum verdict {
	INNOCENT, /* none of them was begun */
	GUILTY, /* the first item that has not ended was the one */
	UNKNOWN, /* any of them may have been */
};

static uint64_t items_left(struct lane *lane)
{
	uint64_t n = 0, seq;

	for (seq = lane->first_seq; seq < lane->next_seq; seq++) {
		const struct inflight *e = entry_of(lane, seq);

		n += e->state == ENTRY_REVOKED ? 0 : e->count - e->done;
	}
	return n;
}

/*
 * Who is to answer for a worker's end. An item that was not begun is not: so says the `run` word, with a value
 * that only a whole worker leaves there. Another value is a lie, and completions may be lost with the truth:
 * then all that the worker had is run again, each item alone in a worker, where there is no doubt. And nobody
 * is believed for ever: that would be a hang.
 */
static enum verdict judge(struct lane *lane)
{
	struct inflight *e = entry_of(lane, lane->first_seq);
	uint64_t run = load_acquire(&lane->ch.map.worker->run);
	bool here = run >> 13 == lane->first_seq, in_it = here && (run & 1);
	bool lie = lane->why == KILLED_BROKEN || (!here && run != lane->last_run);
	bool moved = lane->why != KILLED_NOT && for_other_item(lane, run);

	if (!load_acquire(&lane->ch.map.caller->entered) || lane->why == KILLED_STOP)
		return INNOCENT;
	if (lane->own_clock)
		return GUILTY;
	if (lane->why == KILLED_CANCEL)
		return in_it && !moved ? GUILTY : INNOCENT;
	/* Claims may lie, too: then what was taken back is what it was in. */
	if (lie && (moved || (!lane->alone && (lane->robbed || items_left(lane) > 1))))
		return UNKNOWN;
	if (lie || (in_it && !moved))
		return GUILTY;
	return e->strays < STRAYS_MAX ? INNOCENT : GUILTY;
}

static void initializer_ended(struct lane *lane, const struct ending *ending)
{
	char text[160];

	describe_ending(lane, ending, text, sizeof(text));
	if (lane->why != KILLED_STOP && !lane->pool->stopped)
		pool_stop_locked(lane->pool, "initializer %s: %s", lane->pool->init_name, text);
}

static void guilty_entry_ended(struct lane *lane, struct inflight *e, const struct ending *ending)
{
	struct pp_pool *pool = lane->pool;
	struct pp_results *b = NULL;
	unsigned attempts = e->attempt + 1;

	if (!e->work) {
		initializer_ended(lane, ending);
		return;
	}
	if (e->work->kind == WORK_BATCH)
		b = container_of(e->work, struct pp_results, work);
	if (b ? b->cancelled : container_of(e->work, struct pp_future, work)->drop) {
		requeue(lane, e, e->attempt, ALL);
		return;
	}
	if (!b)
		container_of(e->work, struct pp_future, work)->lane = NULL;
	if (blame(lane, e, attempts, ending)) {
		requeue(lane, e, attempts, 1);
		return;
	}
	e->work = NULL;
	if (!b)
		return;
	e->done++;
	b->inflight--;
	if (e->done < e->count && !b->cancelled)
		batch_requeue(pool, b, e->first + e->done, e->count - e->done, 0, 0);
	batch_maybe_end(pool, b);
}

/* Later records first, so that each goes to the front in order. */
void settle_locked(struct lane *lane, const struct ending *ending)
{
	uint64_t run = load_acquire(&lane->ch.map.worker->run), seq;
	struct comp_view view;
	enum verdict verdict = INNOCENT;
	bool whole = drain_locked(lane);

	if (whole && lane->n_inflight &&
	    comp_open(lane->ch.map.comp, lane->comp_head, run, &view) &&
	    view.seq == lane->first_seq && view.first == entry_of(lane, view.seq)->done)
		whole = take_record(lane, &view);
	pop_finished(lane);
	if (!whole && lane->why == KILLED_NOT) {
		lane->why = KILLED_BROKEN;
		lane->why_run = front_word(lane);
	}
	if (lane->n_inflight)
		verdict = judge(lane);
	for (seq = lane->next_seq; seq-- > lane->first_seq;) {
		struct inflight *e = entry_of(lane, seq);
		bool front = seq == lane->first_seq;

		if (e->state == ENTRY_REVOKED)
			continue;
		if (front && verdict == GUILTY) {
			guilty_entry_ended(lane, e, ending);
			continue;
		}
		if (verdict == UNKNOWN || (front && lane->why != KILLED_CANCEL))
			e->strays += e->strays < STRAYS_MAX;
		requeue(lane, e, e->attempt, verdict == UNKNOWN || !front ? ALL : 1);
	}
	/* Now all entries are over; their large inputs are freed with them (a future keeps its own). */
	for (seq = lane->first_seq; seq < lane->next_seq; seq++)
		if (entry_of(lane, seq)->has_arena)
			free_inputs(lane, entry_of(lane, seq));
	if (lane->n_inflight)
		lane->pool->busy--;
	lane->n_inflight = 0;
	lane->first_seq = lane->next_seq;
}
