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

/* What is known of a child beside its process. */
struct extra {
	uint64_t passed; /* fds passed for it */
	uint64_t leaked; /* fds above 2 that it inherited, kept to its end and never used */
	/* After its end: the last copy of what it held of pipes and sockets was closed; 0: not known, or held yet. */
	uint64_t last_close_ts;
	uint64_t eof_ts; /* somebody then read the end of one of these; 0: nobody */
	bool knows_fds; /* --fds=full, and not too much of it */
};

struct measure {
	const char *key; /* in JSON */
	const char *label; /* for people */
	enum measure_unit unit;
	/* Of one child; false: not known. */
	bool (*read)(const struct model *m, const struct process *p, const struct extra *x,
		     uint64_t *ret);
};

extern const struct measure measures[];
extern const size_t measure_count;

/* Of those children for which it is known. */
struct spread {
	size_t n;
	uint64_t median, min, max;
};

/* What happens as a child goes, in the order in which it did. */
enum end_step {
	END_EXIT,
	END_REAP,
	END_LAST_CLOSE,
	END_EOF,
	END_STEPS,
};
#define END_ORDERS_MAX 16

struct end_order {
	uint8_t steps[END_STEPS];
	size_t count;
	size_t n; /* children */
};

struct rule_count {
	const char *rule;
	size_t n;
};

struct group {
	const struct compared *trace;
	enum start_method start;
	size_t starts;
	size_t workers; /* of them with the role worker */
	struct spread *spreads; /* one a measure */
	uint32_t *starters; /* processes whose calls made them, each once */
	size_t starter_count, starter_room;
	struct rule_count *found; /* in the order of the findings */
	size_t found_count, found_room;
	size_t findings; /* the sum */
	struct end_order orders[END_ORDERS_MAX]; /* as first met */
	size_t order_count;
};

/* Groups in the order of the traces given. 0 or -ENOMEM. */
int compare_groups(const struct compared *traces, size_t n, struct group **ret, size_t *ret_count);
void compare_free(struct group *groups, size_t n);

/* For compare.c. 0 or -ENOMEM. extras: one a process of the model, the caller's to free. */
int compare_extras(const struct model *m, struct extra **ret);
int compare_note_starter(struct group *g, uint32_t process);
int compare_note_finding(struct group *g, const struct finding *f);
void compare_note_order(struct group *g, const struct model *m, const struct process *p,
			const struct extra *x);

/* "exit, reap, last close"; NULL past the end. */
const char *end_step_name(enum end_step step);
/* The order most children had; NULL: none has ended. */
const struct end_order *compare_common_order(const struct group *g);

#endif
