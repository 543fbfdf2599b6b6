/* SPDX-License-Identifier: MIT */
/*
 * Start methods side by side: the children of each trace by start method, and of each group the same
 * measures. A measure is one line in the table of compare.c; both outputs follow it.
 */
#ifndef TRACER_OUT_COMPARE_H
#define TRACER_OUT_COMPARE_H

#include "out/out.h"

enum measure_unit {
	UNIT_NS,
	UNIT_COUNT,
	UNIT_KB,
};

struct measure {
	const char *key; /* in JSON */
	const char *label; /* for people */
	enum measure_unit unit;
	/* Of one child; false: not known. passed: fds passed for it. */
	bool (*read)(const struct model *m, const struct process *p, uint64_t passed,
		     uint64_t *ret);
};

extern const struct measure measures[];
extern const size_t measure_count;

/* Of those children for which it is known. */
struct spread {
	size_t n;
	uint64_t median, min, max;
};

struct group {
	const struct compared *trace;
	enum start_method start;
	size_t starts;
	size_t workers; /* of them with the role worker */
	struct spread *spreads; /* one a measure */
};

/* Groups in the order of the traces given. 0 or -ENOMEM. */
int compare_groups(const struct compared *traces, size_t n, struct group **ret, size_t *ret_count);
void compare_free(struct group *groups, size_t n);

#endif
