/* SPDX-License-Identifier: MIT */
/*
 * Who of those that do not move can never move again: each waits for others of the set alone, so that nothing in
 * the tree can free any. Tells of pipes whose reader and writers are among them (see stuck_impl.h), and ends
 * what has hung for long enough.
 */
#include <signal.h>
#include <stdlib.h>

#include "capture/stuck_impl.h"

#define STANDSTILL_NS 400000000ull
#define TELL_AGAIN_NS 300000000ull
#define TREE_MAX 512 /* in larger trees it is not looked for: each look reads all the fds of all */

#define WRITERS_MAX 64

static bool is_child_of(const struct stuck_watch *w, uint32_t pid, const struct watched *p)
{
	uint64_t at;

	return hashmap_get(&w->by_pid, pid, 0, &at) && w->list[at].parent == p->pid;
}

/* Whether `p`, which waits for children, waits for this one. A pid of another namespace stands for any. */
static bool waits_for_child(const struct stuck_watch *w, const struct watched *p,
			    const struct watched *child)
{
	if (child->parent != p->pid)
		return false;
	return !p->wait_for || p->wait_for == child->pid || !is_child_of(w, p->wait_for, p);
}

/* Whom it waits for is in the set. None: it waits for a child that nobody told of. */
static bool are_children_in(const struct stuck_watch *w, const struct watched *p, const bool *in)
{
	size_t count = 0;

	for (size_t i = 0; i < w->count; i++) {
		if (!waits_for_child(w, p, &w->list[i]))
			continue;
		if (!in[i])
			return false;
		count++;
	}
	return count > 0;
}

static size_t writers(const struct stuck_watch *w, uint64_t pipe, struct fs_holder *list)
{
	size_t count = 0;

	for (size_t i = 0; i < w->count && count < WRITERS_MAX; i++)
		count = proc_stream_writers((pid_t)w->list[i].pid, pipe, list, count, WRITERS_MAX);
	return count;
}

/* Whether nothing but what stands keeps this one. */
static bool is_held_by_standing(struct stuck_watch *w, const struct watched *p, const bool *in)
{
	struct fs_holder list[WRITERS_MAX];
	size_t count, i;
	uint64_t at;

	if (p->standing == STANDS_ON_CHILDREN)
		return are_children_in(w, p, in);
	if (p->standing != STANDS_ON_PIPE)
		return p->standing != STANDS_NOT;
	count = writers(w, p->pipe, list);
	if (!count)
		return false; /* the writer is outside */
	for (i = 0; i < count; i++)
		if (!hashmap_get(&w->by_pid, list[i].pid, 0, &at) || !in[at])
			return false;
	return true;
}

/* Takes out who waits for somebody that is not in the set, until nothing changes. Returns how many stay. */
static size_t settle(struct stuck_watch *w, bool *in)
{
	size_t count = 0, i;
	bool changed;

	for (i = 0; i < w->count; i++)
		count += in[i];
	do {
		changed = false;
		for (i = 0; i < w->count; i++) {
			if (!in[i] || is_held_by_standing(w, &w->list[i], in))
				continue;
			in[i] = false;
			count--;
			changed = true;
		}
	} while (changed && count);
	return count;
}

/* --- telling --- */

/* Somebody reads a pipe and has not been told of as one who cannot go on. */
static bool is_worth_a_look(struct stuck_watch *w, uint64_t now)
{
	bool worth = false;

	if (w->count > TREE_MAX)
		return false;
	for (size_t i = 0; i < w->count; i++) {
		struct watched *p = &w->list[i];

		if (p->standing != STANDS_ON_PIPE || p->told_standstill ||
		    now - p->since_ns < STANDSTILL_NS || now < p->next_standstill_ns)
			continue;
		p->next_standstill_ns = now + TELL_AGAIN_NS;
		worth = true;
	}
	return worth;
}

/* A handler may do anything, but Ctrl-C is for persons, and no child of a standstill ends. */
static bool has_handlers(const struct watched *p)
{
	const uint64_t harmless = UINT64_C(1) << (SIGINT - 1) | UINT64_C(1) << (SIGCHLD - 1);

	return (proc_caught((pid_t)p->pid) & ~harmless) != 0;
}

/* Others of the set wait for it: it is part of what went wrong, and not only kept waiting by that. */
static bool is_waited_for(const struct stuck_watch *w, const struct watched *reader, const bool *in)
{
	struct fs_holder list[WRITERS_MAX];

	for (size_t i = 0; i < w->count; i++) {
		const struct watched *p = &w->list[i];

		if (!in[i] || p == reader)
			continue;
		if (p->standing == STANDS_ON_CHILDREN && waits_for_child(w, p, reader))
			return true;
		if (p->standing != STANDS_ON_PIPE)
			continue;
		for (size_t n = writers(w, p->pipe, list); n > 0; n--)
			if (list[n - 1].pid == reader->pid)
				return true;
	}
	return false;
}

void stuck_tell_standstills(struct stuck_watch *w, uint64_t now)
{
	bool *in;

	if (!is_worth_a_look(w, now))
		return;
	in = calloc(w->count, sizeof(*in));
	if (!in)
		return;
	/* Whoever waits for a signal may get one from outside: that proves nothing. */
	for (size_t i = 0; i < w->count; i++)
		in[i] = w->list[i].standing != STANDS_NOT && w->list[i].standing != STANDS_MAYBE &&
			now - w->list[i].since_ns >= STANDSTILL_NS && !has_handlers(&w->list[i]);
	if (settle(w, in))
		for (size_t i = 0; i < w->count; i++)
			if (in[i] && w->list[i].standing == STANDS_ON_PIPE &&
			    !w->list[i].told_standstill && is_waited_for(w, &w->list[i], in)) {
				w->list[i].told_standstill = true;
				stuck_tell_standstill(w, &w->list[i]);
			}
	free(in);
}

/* --- when nothing moves any more --- */

static bool all_stand(const struct stuck_watch *w, uint64_t now)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->list[i].standing == STANDS_NOT || now - w->list[i].since_ns < STANDSTILL_NS)
			return false;
	return w->count && w->count <= TREE_MAX;
}

void stuck_tell_all_stand(struct stuck_watch *w, uint64_t now)
{
	if (!all_stand(w, now))
		return;
	w->alone = true;
	for (size_t i = 0; i < w->count; i++) {
		struct watched *p = &w->list[i];

		if (p->standing != STANDS_MAYBE || p->told_alone)
			continue;
		p->told_alone = true;
		if (!has_handlers(p))
			stuck_tell_alone(w, p);
	}
	w->alone = false;
}

/* --- ending what hangs --- */

/* An alarm may be set, whose handler frees it: that is no hang yet. */
static bool has_alarm(const struct watched *p)
{
	return p->standing != STANDS_PROVEN &&
	       proc_caught((pid_t)p->pid) & UINT64_C(1) << (SIGALRM - 1);
}

/* Proven ones go first: that may set the others free. Else, when the whole tree stands, all of it. */
void stuck_end(struct stuck_watch *w, uint64_t now)
{
	bool *in, killed = false;
	size_t i, count;

	if (!w->kill_after_ns || !w->count)
		return;
	in = calloc(w->count, sizeof(*in));
	if (!in)
		return;
	for (i = 0; i < w->count; i++)
		in[i] = w->list[i].standing != STANDS_NOT &&
			now - w->list[i].since_ns >= w->kill_after_ns && !has_alarm(&w->list[i]);
	count = settle(w, in);
	for (i = 0; i < w->count && count; i++) {
		if (in[i] && w->list[i].standing == STANDS_PROVEN) {
			kill((pid_t)w->list[i].pid, SIGKILL);
			killed = true;
		}
	}
	if (count == w->count && !killed) {
		stuck_watch_end_all(w);
		killed = true;
	}
	if (killed && !w->ended_ns)
		w->ended_ns = now;
	free(in);
}
