/* SPDX-License-Identifier: MIT */
/*
 * The processes as a forest, row by row in the order they are printed: each with its depth and the lines left of
 * it. Long families of alike children are folded: after the first few of a kind, one row tells how many more.
 *
 * Works without recursion, for a chain of forks may be as long as it likes. Beyond a certain depth rows are
 * no longer indented further.
 */
#ifndef TRACER_OUT_FOREST_H
#define TRACER_OUT_FOREST_H

#include "base/buffer.h"
#include "base/term.h"
#include "model/model.h"

struct forest_row {
	uint32_t process; /* index; with `more`: the one the folded ones are like */
	uint32_t more; /* 0: a process; else how many more there are like it */
	const char *lines; /* tree lines, ready to print */
};

typedef int (*forest_fn)(void *arg, const struct forest_row *row);

/* Stops when fn returns non-zero, and returns that; or -ENOMEM. */
int forest_walk(const struct model *m, const struct term *term, bool all, forest_fn fn, void *arg);

#endif
