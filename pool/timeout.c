/* SPDX-License-Identifier: MIT */
/*
 * Timeouts of items. A worker notes when each timed item began; the caller looks when the first of them can
 * be due, never by polling, and kills the worker whose item is. The item is told by lane_ended_locked().
 *
 * What the worker notes is believed as far as it shortens an item's time. Beside it the caller keeps a clock of
 * its own for the item that the lane is at: how long nothing has moved there. So a worker that has written
 * over its notes ends, too, if a little later.
 */
#include "pool.h"

#define OWN_GRACE (100 * MS)
#define START_GRACE (5000 * MS)

static int64_t later(int64_t at, int64_t ns)
{
	int64_t sum;

	return __builtin_add_overflow(at, ns, &sum) ? INT64_MAX : sum;
}

static int64_t item_deadline(struct lane *lane, int64_t now, uint64_t *ret_run)
{
	struct lane_worker *w = lane->ch.map.worker;
	uint64_t run = load_acquire(&w->run);
	int64_t start = load_relaxed(&w->item_start_ns);
	struct inflight *e;

	*ret_run = run;
	if (!(run & 1) || run >> 13 < lane->first_seq || run >> 13 >= lane->next_seq)
		return now +
		       MS; /* between items: look again soon, the next may be begun at any time */
	e = entry_of(lane, run >> 13);
	if (!e->timed || !e->work)
		return INT64_MAX;
	/* Two reads of the same word around the time: it belongs to this item. */
	if (load_acquire(&w->run) != run)
		return now + MS;
	return later(start < now ? start : now, e->work->timeout_ns);
}

static bool has_timed(struct lane *lane, int64_t *ret_timeout)
{
	uint64_t seq;

	for (seq = lane->first_seq; seq < lane->next_seq; seq++) {
		struct inflight *e = entry_of(lane, seq);

		if (e->timed && e->work && e->state == ENTRY_OPEN) {
			*ret_timeout = e->work->timeout_ns;
			return true;
		}
	}
	return false;
}

/* By the caller's own clock. Needs what was published to be drained: the lane is at its first entry. */
static int64_t own_deadline(struct lane *lane, uint64_t run, int64_t now)
{
	const struct inflight *e = entry_of(lane, lane->first_seq);
	int64_t grace = OWN_GRACE;

	if (!lane->n_inflight || !e->timed || !e->work)
		return INT64_MAX;
	if (lane->clock_run != run || lane->clock_head != lane->comp_head || !lane->clock_ns) {
		lane->clock_run = run;
		lane->clock_head = lane->comp_head;
		lane->clock_ns = now;
	}
	/* One that has yet to begin gets longer: an image may be slow to load. */
	if (!load_acquire(&lane->ch.map.caller->entered))
		grace = START_GRACE;
	return later(lane->clock_ns + grace, later(e->work->timeout_ns, e->work->timeout_ns));
}

static void check_lane(struct lane *lane, int64_t now)
{
	int64_t timeout = 0, at, own;
	uint64_t run;

	lane->check_ns = INT64_MAX;
	if (!has_timed(lane, &timeout))
		return;
	if (!drain_locked(lane)) {
		kill_lane(lane, KILLED_BROKEN);
		return;
	}
	at = item_deadline(lane, now, &run);
	own = own_deadline(lane, run, now);
	if (at <= now || own <= now) {
		kill_lane(lane, KILLED_TIMEOUT);
		lane->why_run = at <= now ? run : front_word(lane);
		lane->own_clock = at > now;
		return;
	}
	/* What begins after this look cannot be due before now + its timeout. */
	lane->check_ns = at < later(now, timeout) ? at : later(now, timeout);
	if (at == now + MS)
		lane->check_ns = now + (timeout < MS ? timeout : MS);
	if (own < lane->check_ns)
		lane->check_ns = own;
}

void check_timeouts_locked(struct pp_pool *pool)
{
	int64_t now = 0;
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		if (!lane || lane->check_ns == INT64_MAX || lane->why != KILLED_NOT)
			continue;
		now = now ? now : now_ns();
		if (lane->check_ns <= now)
			check_lane(lane, now);
	}
}

int64_t next_timer_locked(const struct pp_pool *pool)
{
	int64_t at = INT64_MAX;
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++)
		if (pool->lanes[i] && pool->lanes[i]->why == KILLED_NOT &&
		    pool->lanes[i]->check_ns < at)
			at = pool->lanes[i]->check_ns;
	if (pool->retry_start_ns && pool->retry_start_ns < at)
		at = pool->retry_start_ns;
	return at;
}
