/* SPDX-License-Identifier: MIT */
/* See why.h: standings, and the search for causes. */
#include "model/why.h"

#include <errno.h>
#include <stdlib.h>

#include "model/why_impl.h"

#define CYCLE_MAX 64
#define DEPTH_MAX 64

/* How surely a cause is the root, and not itself an effect. */
enum {
	WEIGHT_FROZEN = 100,
	WEIGHT_OWN_LOCK = 95,
	WEIGHT_OWNER_DEAD = 90,
	WEIGHT_CYCLE = 85,
	WEIGHT_STOPPED = 80,
	WEIGHT_TRACED = 78,
	WEIGHT_END_OWN = 75,
	WEIGHT_FROZEN_UNOWNED = 70,
	WEIGHT_ORPHANED = 60,
	WEIGHT_FILE_LOCK = 55,
	WEIGHT_EACH_OTHER = 52, /* two that wait for data of one another */
	WEIGHT_CYCLE_PIPES = 48,
	WEIGHT_END_KEPT = 35, /* and what speaks for or against it */
	WEIGHT_SLEEPS = 10,
};

/* --- standings --- */

enum standing why_standing(const struct why *w, const struct seen_process *p,
			   const struct seen_thread *t)
{
	return w->standing[w->first[p - w->snapshot->processes] + (size_t)(t - p->threads)];
}

enum standing why_process_standing(const struct why *w, const struct seen_process *p)
{
	enum standing best = STANDING_STUCK, one;

	if (p->thread_count == 0)
		return p->state == 'Z' ? STANDING_STUCK : STANDING_IDLE; /* not looked into */
	for (size_t i = 0; i < p->thread_count; i++) {
		one = why_standing(w, p, &p->threads[i]);
		best = one > best ? one : best;
	}
	return best;
}

/* Waits that end without any of the processes we see. */
static bool ends_from_outside(const struct seen_wait *w)
{
	return w->timed || w->others_unknown || w->kind == WAIT_SLEEP || w->kind == WAIT_SIGNAL ||
	       w->kind == WAIT_ACCEPT || w->kind == WAIT_OTHER;
}

/* What a thread is by itself, whoever else does what. */
static enum standing own_standing(const struct seen_thread *t)
{
	bool vfork = t->wait_count && t->waits[0].kind == WAIT_VFORK;

	if (t->state == 'Z' || t->state == 'X')
		return STANDING_STUCK;
	if (t->runs || (t->state == 'D' && !vfork))
		return STANDING_ABLE;
	if (!t->call_seen)
		return STANDING_IDLE;
	for (size_t i = 0; i < t->wait_count; i++)
		if (ends_from_outside(&t->waits[i]))
			return STANDING_IDLE;
	/* Awake between the looks, and again in a wait that others ended. */
	if (t->moved && t->state != 'T' && t->state != 't')
		return STANDING_ABLE;
	return t->wait_count ? STANDING_STUCK : STANDING_IDLE;
}

static enum standing standing_of_other(const struct why *w, const struct seen_other *o)
{
	const struct seen_process *q = snapshot_find(w->snapshot, o->pid);
	const struct seen_thread *t = q && o->tid ? snapshot_thread(q, o->tid) : NULL;

	if (!q)
		return STANDING_STUCK;
	return t ? why_standing(w, q, t) : why_process_standing(w, q);
}

/* Whoever is awaited by nobody able stays stuck: standings only ever rise. */
static bool raise_once(struct why *w, const struct seen_process *p)
{
	bool changed = false;

	for (size_t i = 0; i < p->thread_count; i++) {
		const struct seen_thread *t = &p->threads[i];
		unsigned char *mine = &w->standing[w->first[p - w->snapshot->processes] + i];

		for (size_t k = 0; k < t->wait_count; k++)
			for (size_t n = 0; n < t->waits[k].count; n++) {
				enum standing other = standing_of_other(w, &t->waits[k].others[n]);

				if (other <= *mine)
					continue;
				*mine = (unsigned char)other;
				changed = true;
			}
	}
	return changed;
}

static int find_standings(struct why *w)
{
	const struct snapshot *s = w->snapshot;
	size_t count = 0, i, k;
	bool changed = true;

	w->first = calloc(s->count + 1, sizeof(*w->first));
	if (!w->first)
		return -ENOMEM;
	for (i = 0; i < s->count; i++) {
		w->first[i] = count;
		count += s->processes[i].thread_count;
	}
	w->standing = calloc(count + 1, 1);
	if (!w->standing)
		return -ENOMEM;
	for (i = 0; i < s->count; i++)
		for (k = 0; k < s->processes[i].thread_count; k++)
			w->standing[w->first[i] + k] =
				(unsigned char)own_standing(&s->processes[i].threads[k]);
	while (changed) {
		changed = false;
		for (i = 0; i < s->count; i++)
			changed |= raise_once(w, &s->processes[i]);
	}
	return 0;
}

/* --- causes --- */

static void suggest(struct why *w, const struct why_finding *f)
{
	if (f->weight <= w->root.weight)
		return;
	w->root = *f;
	w->culprit = f->other ? f->other->pid : 0;
}

bool why_descends(const struct snapshot *s, const struct seen_process *p, uint32_t above)
{
	for (int depth = 0; p && p->parent && depth < DEPTH_MAX; depth++) {
		if (p->parent == above)
			return true;
		p = snapshot_find(s, p->parent);
	}
	return false;
}

/* Whether all threads of a process wait for locks that lie in its own memory. */
static bool waits_within(const struct seen_process *p)
{
	for (size_t i = 0; i < p->thread_count; i++) {
		const struct seen_thread *t = &p->threads[i];

		if (t->wait_count != 1 || t->waits[0].kind != WAIT_LOCK || t->waits[0].shared ||
		    t->waits[0].timed)
			return false;
	}
	return p->thread_count > 0;
}

static void judge_lock(struct why *w, struct why_finding f)
{
	const struct seen_wait *wait = f.wait;
	bool absent = wait->owner == OWNER_GONE ||
		      (wait->owner == OWNER_ELSEWHERE && !wait->shared);

	if (wait->timed)
		return;
	if (absent && f.victim->forked && !wait->shared) {
		f.cause = WHY_FROZEN;
		f.weight = WEIGHT_FROZEN;
	} else if (absent) {
		f.cause = WHY_OWNER_DEAD;
		f.weight = WEIGHT_OWNER_DEAD;
	} else if (wait->owner == OWNER_HERE && wait->owner_tid == f.thread->tid &&
		   wait->lock != LOCK_JOIN) {
		f.cause = WHY_OWN_LOCK;
		f.weight = WEIGHT_OWN_LOCK;
	} else if (why_standing(w, f.victim, f.thread) != STANDING_STUCK || wait->owner) {
		return;
	} else if (wait->shared) {
		f.cause = WHY_ORPHANED;
		f.weight = WEIGHT_ORPHANED;
	} else if (waits_within(f.victim)) {
		f.cause = WHY_FROZEN_UNOWNED;
		f.weight = WEIGHT_FROZEN_UNOWNED - (f.victim->forked ? 0 : 10);
	}
	suggest(w, &f);
}

/* The end of a pipe or socket that only the waiting process itself has. */
static void judge_own_end(struct why *w, struct why_finding f)
{
	for (size_t i = 0; i < f.wait->count; i++)
		if (f.wait->others[i].pid != f.victim->pid || f.wait->others[i].maybe)
			return;
	if (!f.wait->count || f.wait->timed || f.thread->wait_count > 1 ||
	    why_standing(w, f.victim, f.thread) == STANDING_ABLE)
		return;
	f.cause = WHY_END_OWN;
	f.weight = WEIGHT_END_OWN;
	f.other = &f.wait->others[0];
	suggest(w, &f);
}

/* What is a cause wherever in the tree it shows. */
static void judge_wait(struct why *w, struct why_finding f)
{
	switch (f.wait->kind) {
	case WAIT_STOPPED:
	case WAIT_TRACED:
		f.cause = f.wait->kind == WAIT_STOPPED ? WHY_STOPPED : WHY_TRACED;
		f.weight = f.wait->kind == WAIT_STOPPED ? WEIGHT_STOPPED : WEIGHT_TRACED;
		f.other = f.wait->count ? &f.wait->others[0] : NULL;
		suggest(w, &f);
		break;
	case WAIT_LOCK:
		judge_lock(w, f);
		break;
	case WAIT_READ:
	case WAIT_WRITE:
		judge_own_end(w, f);
		break;
	default:
		break;
	}
}

/* --- cycles --- */

const struct seen_thread *why_next(const struct why *w, const struct seen_process *p,
				   const struct seen_thread *t,
				   const struct seen_process **ret_process)
{
	const struct seen_other *only = NULL;
	const struct seen_process *q;

	if (why_standing(w, p, t) != STANDING_STUCK || t->wait_count != 1 || t->waits[0].timed)
		return NULL;
	for (size_t i = 0; i < t->waits[0].count; i++) {
		const struct seen_other *o = &t->waits[0].others[i];

		if (o->maybe)
			return NULL;
		if (o->pid == p->pid && !o->tid)
			continue;
		if (only)
			return NULL;
		only = o;
	}
	q = only ? snapshot_find(w->snapshot, only->pid) : NULL;
	if (!q || q->thread_count == 0)
		return NULL;
	*ret_process = q;
	t = only->tid ? snapshot_thread(q, only->tid) : NULL;
	return t ? t : &q->threads[0];
}

static void judge_cycle(struct why *w, struct why_finding f)
{
	const struct seen_process *p = f.victim;
	const struct seen_thread *t = f.thread;
	bool pipes = false, only_pipes = true;

	for (int n = 0; n < CYCLE_MAX; n++) {
		bool pipe = t->wait_count &&
			    (t->waits[0].kind == WAIT_READ || t->waits[0].kind == WAIT_WRITE);

		pipes |= pipe;
		only_pipes &= pipe;
		t = why_next(w, p, t, &p);
		if (!t)
			return;
		if (t != f.thread)
			continue;
		f.cause = pipes ? WHY_CYCLE_PIPES : WHY_CYCLE;
		f.weight = !pipes		  ? WEIGHT_CYCLE
			   : only_pipes && n == 1 ? WEIGHT_EACH_OTHER
						  : WEIGHT_CYCLE_PIPES;
		f.other = &f.wait->others[0];
		suggest(w, &f);
		return;
	}
}

static void judge_everywhere(struct why *w)
{
	const struct snapshot *s = w->snapshot;

	for (size_t i = 0; i < s->count; i++) {
		const struct seen_process *p = &s->processes[i];

		for (size_t k = 0; p->wanted && k < p->thread_count; k++)
			for (size_t n = 0; n < p->threads[k].wait_count; n++) {
				struct why_finding f = { .victim = p,
							 .thread = &p->threads[k],
							 .wait = &p->threads[k].waits[n] };

				judge_wait(w, f);
				judge_cycle(w, f);
			}
	}
}

/* --- from the process asked for, along its waits --- */

struct walk {
	struct why *why;
	unsigned char *seen; /* of each thread */
	unsigned depth;
	bool able; /* it began with somebody that others can set going */
};

/* Whether a process waits for nobody but the outside: it is where a chain ends. */
static bool is_end(const struct seen_process *p)
{
	for (size_t i = 0; i < p->thread_count; i++)
		for (size_t k = 0; k < p->threads[i].wait_count; k++)
			if (ends_from_outside(&p->threads[i].waits[k]))
				return true;
	return p->thread_count == 0;
}

static void judge_end_kept(struct why *w, struct why_finding f)
{
	if (f.wait->timed || f.thread->wait_count > 1)
		return;
	for (size_t i = 0; i < f.wait->count; i++) {
		const struct seen_other *o = &f.wait->others[i];
		const struct seen_process *q = snapshot_find(w->snapshot, o->pid);

		if (!q || o->pid == f.victim->pid || o->maybe)
			continue;
		f.cause = WHY_END_KEPT;
		f.other = o;
		f.weight = WEIGHT_END_KEPT + (o->fd > 2 ? 5 : 0) + (is_end(q) ? 15 : 0) +
			   (why_descends(w->snapshot, f.victim, o->pid) ? -10 : 10);
		suggest(w, &f);
	}
}

static void judge_on_the_way(struct walk *k, struct why_finding f)
{
	if (f.wait->kind == WAIT_FILE_LOCK && f.wait->count) {
		f.cause = WHY_FILE_LOCK;
		f.weight = WEIGHT_FILE_LOCK;
		f.other = &f.wait->others[0];
		suggest(k->why, &f);
	} else if (why_standing(k->why, f.victim, f.thread) == STANDING_ABLE) {
		return;
	} else if (f.wait->kind == WAIT_READ || f.wait->kind == WAIT_WRITE) {
		judge_end_kept(k->why, f);
	} else if (k->depth > 0 && !k->able && ends_from_outside(f.wait)) {
		f.cause = WHY_SLEEPS;
		f.weight = WEIGHT_SLEEPS;
		suggest(k->why, &f);
	}
}

static void walk_thread(struct walk *k, const struct seen_process *p, const struct seen_thread *t);

static void walk_other(struct walk *k, const struct seen_other *o)
{
	const struct seen_process *q = snapshot_find(k->why->snapshot, o->pid);

	for (size_t i = 0; q && i < q->thread_count; i++)
		if (!o->tid || q->threads[i].tid == o->tid)
			walk_thread(k, q, &q->threads[i]);
}

static void walk_thread(struct walk *k, const struct seen_process *p, const struct seen_thread *t)
{
	size_t at = k->why->first[p - k->why->snapshot->processes] + (size_t)(t - p->threads);

	if (k->seen[at] || k->depth >= DEPTH_MAX)
		return;
	k->seen[at] = 1;
	for (size_t i = 0; i < t->wait_count; i++) {
		struct why_finding f = { .victim = p, .thread = t, .wait = &t->waits[i] };

		judge_on_the_way(k, f);
		k->depth++;
		for (size_t n = 0; n < t->waits[i].count; n++)
			walk_other(k, &t->waits[i].others[n]);
		k->depth--;
	}
}

/* Begins with the main thread: what helpers of an idle program wait for is nobody's trouble. */
static int judge_from(struct why *w, const struct seen_process *p)
{
	struct walk k = { .why = w };
	const struct seen_thread *main_thread = snapshot_thread(p, p->pid);
	size_t threads = 0;

	for (size_t i = 0; i < w->snapshot->count; i++)
		threads += w->snapshot->processes[i].thread_count;
	k.seen = calloc(threads + 1, 1);
	if (!k.seen)
		return -ENOMEM;
	if (main_thread && main_thread->state != 'Z')
		k.able = why_standing(w, p, main_thread) == STANDING_ABLE;
	if (main_thread && main_thread->state != 'Z')
		walk_thread(&k, p, main_thread);
	for (size_t i = 0; i < p->thread_count && (!main_thread || main_thread->state == 'Z'); i++)
		walk_thread(&k, p, &p->threads[i]);
	free(k.seen);
	return 0;
}

/* Nothing is stuck: who of the tree works? */
static void find_worker(struct why *w)
{
	const struct snapshot *s = w->snapshot;

	w->root = (struct why_finding){ .cause = WHY_IDLE, .victim = snapshot_find(s, s->root) };
	for (size_t i = 0; i < s->count; i++) {
		const struct seen_process *p = &s->processes[i];

		for (size_t k = 0; p->wanted && k < p->thread_count; k++) {
			if (own_standing(&p->threads[k]) != STANDING_ABLE)
				continue;
			w->root = (struct why_finding){ .cause = WHY_BUSY,
							.victim = p,
							.thread = &p->threads[k] };
			w->culprit = p->pid;
			if (p->threads[k].runs)
				return;
		}
	}
}

static void count_unseen(struct why *w)
{
	for (size_t i = 0; i < w->snapshot->count; i++) {
		const struct seen_process *p = &w->snapshot->processes[i];

		w->unseen += p->hidden && p->wanted;
		w->unseen_fds += p->hidden && !p->wanted;
	}
}

int why_judge(struct why *ret, const struct snapshot *s)
{
	const struct seen_process *root = snapshot_find(s, s->root);
	int err;

	*ret = (struct why){ .snapshot = s };
	err = find_standings(ret);
	if (err)
		return err;
	count_unseen(ret);
	judge_everywhere(ret);
	err = judge_from(ret, root);
	if (err)
		return err;
	ret->stuck = ret->root.weight > 0;
	if (!ret->stuck)
		find_worker(ret);
	why_tell(ret);
	return ret->text.failed || ret->remedy.failed ? -ENOMEM : 0;
}

void why_free(struct why *w)
{
	free(w->standing);
	free(w->first);
	buffer_free(&w->text);
	buffer_free(&w->remedy);
	*w = (struct why){ 0 };
}
