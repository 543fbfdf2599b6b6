/* SPDX-License-Identifier: MIT */
/*
 * Why a running tree does not move: judges a snapshot (trace/snapshot.h). Pure: no I/O, nothing is asked twice.
 *
 * Each thread gets a standing: able to go on, idle (it waits for time, a client, a signal, the outside), or
 * stuck (it waits for what only stuck threads could bring). Causes are then collected, each with a weight: the
 * more surely nothing else can be at the bottom of it, the heavier. The heaviest is the root cause.
 */
#ifndef TRACER_MODEL_WHY_H
#define TRACER_MODEL_WHY_H

#include "trace/snapshot.h"

enum standing { STANDING_STUCK, STANDING_IDLE, STANDING_ABLE };

enum why_cause {
	WHY_IDLE, /* nothing is stuck: it waits for what comes from outside */
	WHY_BUSY, /* nothing is stuck: it computes */
	WHY_SLEEPS, /* it waits for one that sleeps or waits for the outside */
	WHY_END_KEPT, /* another process keeps the end of a pipe or socket open */
	WHY_ORPHANED, /* a shared lock without owner: nobody left can release it */
	WHY_FILE_LOCK,
	WHY_CYCLE_PIPES,
	WHY_FROZEN_UNOWNED, /* a forked process waits for a lock that notes no owner */
	WHY_END_OWN, /* the reader itself keeps the only other end */
	WHY_TRACED,
	WHY_STOPPED,
	WHY_CYCLE,
	WHY_OWNER_DEAD,
	WHY_OWN_LOCK, /* it waits for what it holds itself */
	WHY_FROZEN, /* the owner of a lock was not copied by fork */
};

/* A cause and where it shows. */
struct why_finding {
	enum why_cause cause;
	int weight;
	const struct seen_process *victim; /* who waits */
	const struct seen_thread *thread;
	const struct seen_wait *wait; /* NULL: none */
	const struct seen_other *other; /* whom to blame; NULL: nobody that still is */
};

struct why {
	const struct snapshot *snapshot;
	unsigned char *standing; /* of each thread, see why_standing() */
	size_t *first; /* of each process: where its threads begin in it */
	struct why_finding root;
	uint32_t culprit; /* pid; 0: nobody that still is */
	bool stuck;
	size_t unseen; /* processes of the tree that could not be looked into */
	size_t unseen_fds; /* and processes of the machine whose fds could not */
	struct buffer text; /* the root cause in one line; all of the target in it is escaped */
	struct buffer remedy; /* what would end it; may be empty */
};

/* 0 or -ENOMEM. Free with why_free() in both cases. The snapshot must outlive it. */
int why_judge(struct why *ret, const struct snapshot *s);
void why_free(struct why *w);

enum standing why_standing(const struct why *w, const struct seen_process *p,
			   const struct seen_thread *t);
/* The best of its threads. */
enum standing why_process_standing(const struct why *w, const struct seen_process *p);

const char *why_cause_name(enum why_cause cause); /* for JSON: "end-kept" */
const char *why_lock_name(enum seen_lock lock); /* "mutex" */
const char *why_wait_name(enum wait_kind kind); /* for JSON: "read" */

/* "901 `sleep`": the name of a process in a sentence. */
void why_name(struct buffer *to, const struct snapshot *s, uint32_t pid);
/* What is behind the "python: " of a frame; NULL: the frame is native. */
const char *why_python_frame(const char *frame);
/* What a wait is for: "reads pipe:[882] (fd 3)". */
void why_tell_wait(struct buffer *to, const struct seen_thread *t, const struct seen_wait *w);

#endif
