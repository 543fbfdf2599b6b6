/* SPDX-License-Identifier: MIT */
/* What the rules on threads that wait for ever have in common. */
#ifndef TRACER_RULES_STUCK_WORDS_H
#define TRACER_RULES_STUCK_WORDS_H

#include "rules/rule.h"

/* The FUTEX_STUCK event behind a fact of that type. */
const struct fs_ev_futex_stuck *stuck_of(const struct fact *f);

/* "a mutex", "a lock inside libc" ... */
const char *lock_words(uint32_t kind);

/* Whether it is a lock, which has a holder; else it waits for what another thread would do. */
bool waits_for_lock(const struct model *m, const struct fact *f);

/* Whether the thread runs a signal handler: the kernel's way back from one lies in its stack. */
bool is_in_handler(const struct fact *f);

/*
 * Puts together and adds: who waits for what, where, since when, who holds it, why nobody can release it. Only the
 * first of the threads of a process that wait in one function for one kind makes a finding.
 */
int add_stuck(const struct rule *self, const struct model *m, const struct fact *f,
	      enum severity severity, const char *why, struct findings *out);

/*
 * How sure it is. A semaphore, or an interpreter's event, may be what a handler that is there posts: to wait for a
 * signal like this is allowed.
 */
enum severity severity_of_stuck(const struct fact *f, bool proven);

/* It ended by itself: what looked like a wait for ever was one for a signal, or for time. */
bool ended_by_itself(const struct process *p);

#endif
