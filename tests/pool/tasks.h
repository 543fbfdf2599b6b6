/* SPDX-License-Identifier: MIT */
/* The tasks of tests/pool/tasks.c, which every pool test is linked with, and what they take. */
#ifndef TESTS_POOL_TASKS_H
#define TESTS_POOL_TASKS_H

#include <stdint.h>

/* "act": does what it is told and gives `value` back, if it lives. */
enum act_what {
	ACT_ECHO,
	ACT_SEGV,
	ACT_EXIT, /* exit(arg) */
	ACT_KILL, /* SIGKILL to itself */
	ACT_ABORT,
	ACT_SLEEP, /* arg milliseconds */
	ACT_SPIN, /* computes for ever */
	ACT_FAIL, /* pp_call_fail(arg, "told to fail %u") */
	ACT_RETURN, /* return arg without a message */
	ACT_FIRST, /* dies at its first attempts, until attempt arg */
	ACT_HOG, /* touches arg MiB */
};

struct act {
	uint32_t what;
	uint32_t arg;
	uint64_t value;
};

/*
 * "lie": writes over the first `extent` bytes of what its worker may write of its lane, adds a byte to the file
 * `witness`, and then does what `then` says. Any input of another length is given back.
 */
enum lie_fill {
	LIE_ZEROS,
	LIE_ONES,
	LIE_NOISE,
	LIE_DENIAL, /* sets the `run` word and the claims alone: to "nothing was begun" */
};
enum lie_then { LIE_CRASH, LIE_LEAVE, LIE_GO_ON };

struct lie {
	uint32_t fill, extent, then, seed;
	char witness[64];
};

static inline struct act act_of(enum act_what what, uint32_t arg, uint64_t value)
{
	struct act act = { what, arg, value };

	return act;
}

#endif
