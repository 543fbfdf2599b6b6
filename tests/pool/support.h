/* SPDX-License-Identifier: MIT */
/*
 * What the pool's tests share: one test body for every start method, and looking at processes from
 * outside (/proc), which is the only witness that does not believe the library.
 */
#ifndef TESTS_POOL_SUPPORT_H
#define TESTS_POOL_SUPPORT_H

#include "harness.h"
#include "procpool.h"

/*
 * A body `static void check_x(enum pp_start start)` becomes one isolated test a start method:
 * EACH_START(check_x) before the table, IN_EACH_START(check_x) in it. The _PROCESS forms leave out
 * threads, which share the caller's fate by nature.
 */
#define FOR_START(body, word, value)            \
	static void body##_##word(void **state) \
	{                                       \
		(void)state;                    \
		body(value);                    \
	}                                       \
	ISOLATE(body##_##word)
#define EACH_PROCESS_START(body)               \
	FOR_START(body, fork, PP_START_FORK)   \
	FOR_START(body, spawn, PP_START_SPAWN) \
	FOR_START(body, forkserver, PP_START_FORKSERVER)
#define EACH_START(body)         \
	EACH_PROCESS_START(body) \
	FOR_START(body, thread, PP_START_THREAD)
#define IN_EACH_PROCESS_START(body) \
	ISOLATED(body##_fork), ISOLATED(body##_spawn), ISOLATED(body##_forkserver)
#define IN_EACH_START(body) IN_EACH_PROCESS_START(body), ISOLATED(body##_thread)

#define MSEC 1000000LL
#define SECOND 1000000000LL

int64_t clock_ns(void);
void sleep_ms(unsigned ms);

/* The children of a process by /proc, up to max; returns how many there are. */
size_t children_of(pid_t pid, pid_t *ret_pids, size_t max);

/* Waits until no process of these is left (zombies count as gone); false after the time. */
bool all_gone_within(const pid_t *pids, size_t n, unsigned ms);

/* It is gone, or SIGKILL is on its way to it: noise on the machine cannot change that any more. */
bool is_doomed(pid_t pid);

/* User and system time a process has used, in ns; -1 when it is gone. */
int64_t cpu_ns_of(pid_t pid);

/* Opens the fd numbers of a process as text "0 1 2 7 " (sorted), -1 when it is gone. */
int fds_of(pid_t pid, char *text, size_t size);

/* A context and a pool of it, asserting that both came to be. opts may be NULL. */
struct pool_under_test {
	struct pp_context *context;
	struct pp_pool *pool;
};
struct pool_under_test open_pool(enum pp_start start, const struct pp_pool_opts *opts);
/* Frees both; asserts that the context had nothing left. */
void close_pool(struct pool_under_test *t);

/* The call went well; else the test fails with the library's own words. */
#define assert_ok(call) assert_ok_at((call), #call, __FILE__, __LINE__)
void assert_ok_at(int result, const char *call, const char *file, int line);

/* An "act" run by itself with this pool's apply; the result is to be released. */
struct act;
struct pp_result apply_act(struct pp_pool *pool, const struct act *act);

/* n items for a map over "act", in one allocation that free() ends; acts gives them. */
struct iovec *act_items(size_t n, struct act **ret_acts);

/* The value an "act" or another task gave back as 64 bits. */
uint64_t value_of(const struct pp_result *r);

/* Counters in memory shared with forked children (not with exec'ed ones), for "exactly once". */
struct tally {
	_Atomic uint32_t count;
};
struct tally *tally_new(size_t n);
void tally_free(struct tally *tally, size_t n);

#endif
