/* SPDX-License-Identifier: MIT */
/*
 * What every cmocka test here gets, and why.
 *
 * ISOLATED(test) runs a test in a forked process of its own, with a time limit, and checks from inside
 * that it left no child and no fd behind. The parent asserts on how that process ended: an assert that
 * failed in a child cannot make the parent pass, which is cmocka's trap with fork.
 *
 * Inside a test, children that it forks itself never assert: they leave with child_check(), and the
 * test asserts on their status with assert_child_ok().
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <sys/types.h>

/* cmocka's fail() is a macro, and the tracer has a function of that name (base/fail.h): say fail_msg(). */
#undef fail
#undef fail_msg
#define fail_msg(...)                               \
	do {                                        \
		print_error("ERROR: " __VA_ARGS__); \
		print_error("\n");                  \
		_fail(__FILE__, __LINE__);          \
	} while (0)

/* Seconds before a test is killed, its process group with it; FORKSCOPE_TEST_SECONDS overrides. */
#define TEST_SECONDS 60

typedef void (*test_function)(void **state);

/* Runs one test isolated; use ISOLATED. */
void run_isolated(void **state, const char *name, test_function test);

#define ISOLATED(test)                                       \
	{                                                    \
#test, run_isolated_##test, NULL, NULL, NULL \
	}
/* Before the table: ISOLATE(test_x) makes the wrapper that ISOLATED(test_x) names. */
#define ISOLATE(test)                                 \
	static void run_isolated_##test(void **state) \
	{                                             \
		run_isolated(state, #test, test);     \
	}

/* In a forked child: when the condition is false, says so and _exits 99. */
#define child_check(condition) child_check_at((condition), #condition, __FILE__, __LINE__)
void child_check_at(bool ok, const char *text, const char *file, int line);

/* In the test: the child left with status 0. Reaps it. */
#define assert_child_ok(pid) assert_child_ok_at((pid), __FILE__, __LINE__)
void assert_child_ok_at(pid_t pid, const char *file, int line);

/* How many fds this process has open. */
int count_open_fds(void);

/* Skips the test with a reason (shown in the TAP output). */
#define skip_because(reason)                                \
	do {                                                \
		print_message("# skipped: %s\n", (reason)); \
		skip_isolated();                            \
	} while (0)
void skip_isolated(void) __attribute__((noreturn));

#endif
