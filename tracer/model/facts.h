/* SPDX-License-Identifier: MIT */
/*
 * Events that rules look at one by one, kept as they came: waits that never end, odd calls, signals. The rest
 * of the model is what events add up to.
 */
#ifndef TRACER_MODEL_FACTS_H
#define TRACER_MODEL_FACTS_H

#include "model/model.h"
#include "trace/event_info.h"

struct fact {
	const struct fs_event *event; /* whole, and sound */
	uint32_t process; /* whose; MODEL_NONE: nobody's */
	const struct interned
		*place; /* "function+0x1 (file.c:2)" of its address; NULL: not looked up */
};

/* How many of a type are kept, and each in the order of the trace. Types that are not kept have none. */
size_t model_fact_count(const struct model *m, unsigned type);
const struct fact *model_fact(const struct model *m, unsigned type, size_t index);

/* An address of code that a fact names (who took a lock, an exit handler), as return addresses are; 0: none. */
uint64_t fact_address(const struct fact *f);
/* Keeps what somebody found out about it. 0 or -ENOMEM. */
int model_set_fact_place(struct model *m, unsigned type, size_t index, const char *text,
			 size_t len);

/* A lock_story's words: the lock's name, and where it was taken. */
struct event_text fact_lock_name(const struct fact *f);
struct event_text fact_lock_taken(const struct fact *f);

/* A futex_stuck's or lock_story's stack: texts that each end in NUL, *ret_len bytes. */
const char *fact_stack(const struct fact *f, size_t *ret_len);

/* Who could write what a blocked one reads. */
const struct fs_holder *fact_holders(const struct fact *f, size_t *ret_count);

#endif
