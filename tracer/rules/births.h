/* SPDX-License-Identifier: MIT */
/* Which processes a call of the shim's made: what it tells of a fork it tells of the call. For rules. */
#ifndef TRACER_RULES_BIRTHS_H
#define TRACER_RULES_BIRTHS_H

#include "base/hashmap.h"
#include "rules/rule.h"

struct births {
	struct hashmap by_call; /* call id -> process */
};

/* 0 or -ENOMEM. To be freed in both cases. */
int births_find(struct births *b, const struct model *m);
void births_free(struct births *b);

/*
 * The signals whose handler forked it, by all that is seen: they had just come to the creator, are caught, and were
 * blocked in the thread that forked, but not by habit. 0: none.
 */
uint64_t forked_in_handler_of(const struct model *m, const struct process *p);

/* The child of a fork, when it is a plain copy of its creator; MODEL_NONE: none, or not known. */
uint32_t births_copy(const struct births *b, uint64_t call_id);

/* " at free_list+0x1f (app.c:12)" for the place of a fact; nothing where that is not known. */
void add_fact_place(struct buffer *b, const struct fact *f);

/*
 * The signals ignored, or blocked, in a new image that its creator is not to blame for: it began with them itself, or
 * the recorder did. All of them when nothing is known.
 */
uint64_t signals_from_before(const struct model *m, const struct process *child, bool ignored);

#endif
