/* SPDX-License-Identifier: MIT */
/* Between the files of why.h: who finds causes, and who puts them into words. */
#ifndef TRACER_MODEL_WHY_IMPL_H
#define TRACER_MODEL_WHY_IMPL_H

#include "model/why.h"

/* Fills text and remedy from root. */
void why_tell(struct why *w);

/* What is waited for: a file as the target names it; a lock by its kind, and where it lies when it is shared. */
void why_add_what(struct buffer *to, const struct seen_wait *w);
void why_add_lock(struct buffer *to, const struct seen_wait *w);

/*
 * The only thread that could end a thread's only wait, when there is exactly one such: deadlock cycles are made
 * of these. NULL: none or several. *ret_process: whose it is.
 */
const struct seen_thread *why_next(const struct why *w, const struct seen_process *p,
				   const struct seen_thread *t,
				   const struct seen_process **ret_process);

/* Whether `above` is a parent, or a parent's parent ... of p. */
bool why_descends(const struct snapshot *s, const struct seen_process *p, uint32_t above);

#endif
