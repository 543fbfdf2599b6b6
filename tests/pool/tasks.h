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

static inline struct act act_of(enum act_what what, uint32_t arg, uint64_t value)
{
	struct act act = { what, arg, value };

	return act;
}

#endif
