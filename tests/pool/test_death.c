/* SPDX-License-Identifier: MIT */
/*
 * Workers that die, fail, overrun and are killed, among many that do not: each bad item is told with its
 * index and how it ended, every other is right, each result comes exactly once.
 */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 100000

static struct pp_pool_opts two_workers(void)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;

	opts.workers = 2;
	return opts;
}

struct bad {
	size_t index;
	enum act_what what;
	uint32_t arg;
	enum pp_outcome outcome;
	int signal, exit_status, code;
};

static const struct bad bad_ends[] = {
	{ 0, ACT_SEGV, 0, PP_DIED, SIGSEGV, -1, 0 },
	{ 17, ACT_EXIT, 3, PP_DIED, 0, 3, 0 },
	{ 18, ACT_EXIT, 0, PP_DIED, 0, 0, 0 },
	{ 40000, ACT_KILL, 0, PP_DIED, SIGKILL, -1, 0 },
	{ 40001, ACT_SPIN, 0, PP_TIMEOUT, 0, 0, 0 },
	{ 50000, ACT_FAIL, 77, PP_FAILED, 0, 0, 77 },
	{ 50001, ACT_RETURN, 5, PP_FAILED, 0, 0, 5 },
	{ 70000, ACT_SLEEP, 100000, PP_TIMEOUT, 0, 0, 0 },
	{ 99998, ACT_SEGV, 0, PP_DIED, SIGSEGV, -1, 0 },
	{ 99999, ACT_ABORT, 0, PP_DIED, SIGABRT, -1, 0 },
};

#define N_BAD (sizeof(bad_ends) / sizeof(bad_ends[0]))

static void assert_bad(const struct bad *bad, const struct pp_result *r)
{
	assert_int_equal(r->outcome, bad->outcome);
	assert_int_equal(r->index, bad->index);
	assert_int_equal(r->len, 0);
	assert_true(strlen(r->message) > 0);
	if (bad->outcome == PP_DIED) {
		assert_int_equal(r->signal, bad->signal);
		assert_int_equal(r->exit_status, bad->exit_status);
		assert_true(r->worker_pid > 0);
	}
	if (bad->outcome == PP_FAILED)
		assert_int_equal(r->code, bad->code);
}

/* chunk: what is handed over at once must not change what is told. */
static void map_with_bad_ends(enum pp_start start, size_t chunk)
{
	struct pp_pool_opts opts = two_workers();
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct pool_under_test t = open_pool(start, &opts);
	struct act *acts;
	struct iovec *items = act_items(MANY, &acts);
	struct pp_results *results;
	struct pp_result r;
	size_t next = 0;

	for (size_t i = 0; i < N_BAD; i++) {
		acts[bad_ends[i].index].what = bad_ends[i].what;
		acts[bad_ends[i].index].arg = bad_ends[i].arg;
	}
	map_opts.chunk = chunk;
	map_opts.timeout_ns = 300 * MSEC;
	assert_ok(pp_pool_map(t.pool, "act", items, MANY, &map_opts, &results));
	assert_int_equal(pp_results_ended(results), MANY);
	assert_int_equal(pp_results_bad(results), N_BAD);
	for (size_t i = 0; i < MANY; i++) {
		assert_ok(pp_results_get(results, i, &r));
		if (next < N_BAD && bad_ends[next].index == i)
			assert_bad(&bad_ends[next++], &r);
		else
			assert_int_equal(value_of(&r), i);
	}
	pp_results_free(results);
	free(items);
	close_pool(&t);
}

static void check_bad_ends(enum pp_start start)
{
	map_with_bad_ends(start, 0);
}
EACH_PROCESS_START(check_bad_ends)

static void check_bad_ends_one_by_one(enum pp_start start)
{
	map_with_bad_ends(start, 1);
}
EACH_PROCESS_START(check_bad_ends_one_by_one)

/* Of what can go wrong in a thread, failing and overrunning are told too. */
static void check_failures(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct act failing = act_of(ACT_FAIL, 9, 0), returning = act_of(ACT_RETURN, 7, 0);
	struct pp_result r = apply_act(t.pool, &failing);

	assert_int_equal(r.outcome, PP_FAILED);
	assert_int_equal(r.code, 9);
	assert_string_equal(r.message, "told to fail 9");
	pp_result_release(&r);
	r = apply_act(t.pool, &returning);
	assert_int_equal(r.outcome, PP_FAILED);
	assert_int_equal(r.code, 7);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_START(check_failures)

static void check_timeout(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct act slow = act_of(ACT_SLEEP, 2000, 0), quick = act_of(ACT_ECHO, 0, 3);
	struct pp_result r;
	int64_t begin = clock_ns();

	opts.timeout_ns = 100 * MSEC;
	t = open_pool(start, &opts);
	r = apply_act(t.pool, &slow);
	assert_int_equal(r.outcome, PP_TIMEOUT);
	assert_true(clock_ns() - begin < SECOND);
	pp_result_release(&r);
	/* The pool is as good as before. */
	for (int i = 0; i < 3; i++) {
		r = apply_act(t.pool, &quick);
		assert_int_equal(value_of(&r), 3);
		pp_result_release(&r);
	}
	close_pool(&t);
}
EACH_START(check_timeout)

/* An item's clock runs from its own start, not from when it was queued behind others. */
static void check_timeout_counts_running_time(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct pool_under_test t = open_pool(start, &opts);
	struct act *acts;
	struct iovec *items = act_items(20, &acts);
	struct pp_results *results;

	for (size_t i = 0; i < 20; i++) {
		acts[i].what = ACT_SLEEP;
		acts[i].arg = 120;
	}
	map_opts.timeout_ns = SECOND;
	map_opts.chunk = 10;
	assert_ok(pp_pool_map(t.pool, "act", items, 20, &map_opts, &results));
	assert_int_equal(pp_results_bad(results), 0);
	pp_results_free(results);
	free(items);
	close_pool(&t);
}
EACH_START(check_timeout_counts_running_time)

static void check_retries(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct act second = act_of(ACT_FIRST, 2, 11), never = act_of(ACT_SEGV, 0, 0);
	struct pp_result r;

	opts.retries = 2;
	t = open_pool(start, &opts);
	r = apply_act(t.pool, &second); /* dies twice, then lives */
	assert_int_equal(r.outcome, PP_DONE);
	assert_int_equal(value_of(&r), 11);
	assert_int_equal(r.attempts, 3);
	pp_result_release(&r);
	r = apply_act(t.pool, &never);
	assert_int_equal(r.outcome, PP_DIED);
	assert_int_equal(r.signal, SIGSEGV);
	assert_int_equal(r.attempts, 3);
	pp_result_release(&r);
	assert_ok(pp_pool_stats(t.pool, &stats));
	assert_int_equal(stats.retried, 4);
	close_pool(&t);
}
EACH_PROCESS_START(check_retries)

/* A failure is an answer: it is not tried again. */
static void check_failures_are_not_retried(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct act failing = act_of(ACT_FAIL, 1, 0);
	struct pp_result r;

	opts.retries = 5;
	t = open_pool(start, &opts);
	r = apply_act(t.pool, &failing);
	assert_int_equal(r.outcome, PP_FAILED);
	assert_int_equal(r.attempts, 1);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_START(check_failures_are_not_retried)

static void check_killed_from_outside(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct act slow = act_of(ACT_SLEEP, 60000, 0), quick = act_of(ACT_ECHO, 0, 5);
	struct pp_future *future;
	struct pp_result r = apply_act(t.pool, &quick);
	pid_t victim = 0;

	pp_result_release(&r);
	assert_ok(pp_pool_submit(t.pool, "act", &slow, sizeof(slow), NULL, &future));
	for (int tries = 0; tries < 1000 && !victim; tries++) {
		pp_pool_drive(t.pool);
		for (unsigned i = 0; i < 2; i++) {
			assert_ok(pp_pool_insight(t.pool, i, &w));
			if (w.running)
				victim = w.pid;
		}
		sleep_ms(1);
	}
	assert_true(victim > 0);
	kill(victim, SIGKILL);
	assert_ok(pp_future_wait(future, 5 * SECOND));
	assert_ok(pp_future_result(future, &r));
	assert_int_equal(r.outcome, PP_DIED);
	assert_int_equal(r.signal, SIGKILL);
	assert_int_equal(r.worker_pid, victim);
	pp_future_free(future);
	close_pool(&t);
}
EACH_PROCESS_START(check_killed_from_outside)

/* All idle workers at once, which is where pools with shared locks hang for ever. */
static void check_idle_workers_killed(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct act quick = act_of(ACT_ECHO, 0, 5);
	struct pp_result r;

	for (int round = 0; round < 20; round++) {
		r = apply_act(t.pool, &quick);
		assert_int_equal(value_of(&r), 5);
		pp_result_release(&r);
		for (unsigned i = 0; i < 2; i++) {
			if (pp_pool_insight(t.pool, i, &w) == 0 && w.pid > 0)
				kill(w.pid, SIGKILL);
		}
	}
	close_pool(&t);
}
EACH_PROCESS_START(check_idle_workers_killed)

static void check_initializer_dies(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct pp_result r;
	pid_t children[256];

	opts.initializer = "die_init";
	t = open_pool(start, &opts);
	assert_ok(pp_pool_apply(t.pool, "echo", "x", 1, &r));
	assert_int_equal(r.outcome, PP_CANCELLED);
	assert_true(strlen(r.message) > 0);
	pp_result_release(&r);
	assert_true(children_of(getpid(), children, 256) < 20);
	close_pool(&t);
}
EACH_PROCESS_START(check_initializer_dies)

static void check_cancel(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct act slow = act_of(ACT_SLEEP, 800, 1), quick = act_of(ACT_ECHO, 0, 2);
	struct pp_future *running[2], *queued, *after;
	struct pp_result r;
	int64_t begin = clock_ns();

	for (int i = 0; i < 2; i++)
		assert_ok(pp_pool_submit(t.pool, "act", &slow, sizeof(slow), NULL, &running[i]));
	assert_int_equal(pp_future_wait(running[0], 100 * MSEC), -ETIMEDOUT);
	assert_ok(pp_pool_submit(t.pool, "act", &quick, sizeof(quick), NULL, &queued));
	assert_ok(pp_future_cancel(queued));
	assert_ok(pp_future_cancel(running[0]));
	assert_ok(pp_future_wait(queued, SECOND));
	assert_ok(pp_future_wait(running[0], SECOND));
	assert_ok(pp_future_result(queued, &r));
	assert_int_equal(r.outcome, PP_CANCELLED);
	assert_ok(pp_future_result(running[0], &r));
	assert_int_equal(r.outcome, PP_CANCELLED);
	assert_true(clock_ns() - begin < 600 * MSEC);
	/* Its place is taken at once; the other running one is left in peace. */
	assert_ok(pp_pool_submit(t.pool, "act", &quick, sizeof(quick), NULL, &after));
	assert_ok(pp_future_wait(after, 400 * MSEC));
	assert_ok(pp_future_wait(running[1], -1));
	assert_ok(pp_future_result(running[1], &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_future_free(running[0]);
	pp_future_free(running[1]);
	pp_future_free(queued);
	pp_future_free(after);
	close_pool(&t);
}
EACH_START(check_cancel)

static void check_cancel_map(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct act *acts;
	struct iovec *items = act_items(1000, &acts);
	struct pp_results *results;
	struct pp_result r;
	size_t cancelled = 0;
	int64_t begin = clock_ns();

	for (size_t i = 0; i < 1000; i++)
		acts[i] = act_of(ACT_SLEEP, 20, i);
	assert_ok(pp_pool_map_async(t.pool, "act", items, 1000, NULL, &results));
	assert_int_equal(pp_results_wait(results, 100 * MSEC), -ETIMEDOUT);
	assert_ok(pp_results_cancel(results));
	assert_ok(pp_results_wait(results, -1));
	assert_true(clock_ns() - begin < 3 * SECOND);
	for (size_t i = 0; i < 1000; i++) {
		assert_ok(pp_results_get(results, i, &r));
		assert_true(r.outcome == PP_DONE || r.outcome == PP_CANCELLED);
		cancelled += r.outcome == PP_CANCELLED;
	}
	assert_true(cancelled > 900);
	pp_results_free(results);
	free(items);
	close_pool(&t);
}
EACH_START(check_cancel_map)

/* Freed while its items wait in the lanes, behind a task that goes on: nothing looks at it afterwards (ASan). */
static void check_free_behind_a_task(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct act slow = act_of(ACT_SLEEP, 300, 1), *acts;
	struct iovec *items = act_items(4, &acts);
	struct pp_future *running[2];
	struct pp_results *results;
	struct pp_result r;

	for (int i = 0; i < 2; i++)
		assert_ok(pp_pool_submit(t.pool, "act", &slow, sizeof(slow), NULL, &running[i]));
	assert_int_equal(pp_future_wait(running[0], 50 * MSEC), -ETIMEDOUT);
	assert_ok(pp_pool_map_async(t.pool, "act", items, 4, NULL, &results));
	pp_results_free(results);
	free(items);
	assert_int_equal(pp_future_wait(running[0], 50 * MSEC), -ETIMEDOUT);
	assert_ok(pp_pool_terminate(t.pool));
	for (int i = 0; i < 2; i++) {
		assert_ok(pp_future_result(running[i], &r));
		assert_int_equal(r.outcome, PP_CANCELLED);
		pp_future_free(running[i]);
	}
	close_pool(&t);
}
EACH_START(check_free_behind_a_task)

/* Told and replaced within moments, not by polling. The bar of 5 ms is the benchmark's to hold. */
static void check_replacement_is_prompt(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct act die = act_of(ACT_SEGV, 0, 0), quick = act_of(ACT_ECHO, 0, 1);
	struct pp_result r;
	int64_t begin;

	opts.workers = 1;
	t = open_pool(start, &opts);
	r = apply_act(t.pool, &quick);
	pp_result_release(&r);
	begin = clock_ns();
	for (int i = 0; i < 10; i++) {
		r = apply_act(t.pool, &die);
		assert_int_equal(r.outcome, PP_DIED);
		pp_result_release(&r);
		r = apply_act(t.pool, &quick);
		assert_int_equal(value_of(&r), 1);
		pp_result_release(&r);
	}
	assert_true(clock_ns() - begin < 2 * SECOND);
	close_pool(&t);
}
EACH_PROCESS_START(check_replacement_is_prompt)

/* Ends by itself, or when it is cancelled: a worker that has lost its own place may hang, as any task may. */
static void end_and_free(struct pp_future *future)
{
	if (pp_future_wait(future, 300 * MSEC) == -ETIMEDOUT) {
		pp_future_cancel(future);
		assert_ok(pp_future_wait(future, 5 * SECOND));
	}
	pp_future_free(future);
}

/* What a worker wrote over its half of the lane is nonsense: the caller takes no harm and goes on. */
static void check_scribbling_worker(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct act quick = act_of(ACT_ECHO, 0, 6);
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_future *others[20], *bad;
	struct pp_result r;

	for (unsigned seed = 1; seed <= 10; seed++) {
		assert_ok(pp_pool_submit(t.pool, "scribble", &seed, sizeof(seed), NULL, &bad));
		for (int i = 0; i < 20; i++)
			assert_ok(pp_pool_submit(t.pool, "act", &quick, sizeof(quick), NULL,
						 &others[i]));
		end_and_free(bad);
		/* Those behind it in the same worker may suffer with it; they end, all the same. */
		for (int i = 0; i < 20; i++)
			end_and_free(others[i]);
	}
	for (int i = 0; i < 4; i++) {
		r = apply_act(t.pool, &quick);
		assert_int_equal(value_of(&r), 6);
		pp_result_release(&r);
	}
	close_pool(&t);
}
EACH_PROCESS_START(check_scribbling_worker)

/* The caller has a clock of its own: a worker that lies about what it runs meets its timeout all the same. */
static void check_timeout_of_a_liar(enum pp_start start)
{
	static const uint8_t lies[] = { 0, 1, 0x55, 0xff };
	struct pp_pool_opts opts = two_workers();
	struct act quick = act_of(ACT_ECHO, 0, 6);
	struct pool_under_test t;
	struct pp_result r;

	opts.timeout_ns = 100 * MSEC;
	t = open_pool(start, &opts);
	for (size_t i = 0; i < sizeof(lies); i++) {
		int64_t begin = clock_ns();

		assert_ok(pp_pool_apply(t.pool, "forget", &lies[i], 1, &r));
		assert_int_not_equal(r.outcome, PP_DONE);
		assert_true(clock_ns() - begin >= 50 * MSEC || r.outcome == PP_DIED);
		assert_true(clock_ns() - begin < 8 * SECOND);
		pp_result_release(&r);
	}
	r = apply_act(t.pool, &quick);
	assert_int_equal(value_of(&r), 6);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_PROCESS_START(check_timeout_of_a_liar)

static long shared_kb(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];
	long kb = -1;

	assert_non_null(status);
	while (kb < 0 && fgets(line, sizeof(line), status))
		(void)!sscanf(line, "RssShmem: %ld", &kb);
	fclose(status);
	return kb;
}

/* What the rings of a worker took goes with it, also where others have theirs in the same memory. */
static void check_memory_of_the_dead(enum pp_start start)
{
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_map_opts map = PP_MAP_OPTS_INIT;
	struct act quick = act_of(ACT_ECHO, 0, 6);
	static char input[1000];
	struct iovec items[4000];
	struct pp_results *results;
	struct pool_under_test t;
	struct pp_result r;
	long before;

	for (size_t i = 0; i < 4000; i++)
		items[i] = (struct iovec){ input, sizeof(input) };
	opts.workers = 4;
	map.chunk = 4;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_map(t.pool, "echo", items, 4000, &map, &results));
	pp_results_free(results);
	before = shared_kb();
	for (unsigned i = 0; i < 3; i++) {
		assert_ok(pp_pool_insight(t.pool, i, &w));
		assert_int_equal(kill(w.pid, SIGKILL), 0);
	}
	for (int i = 0; i < 100; i++) {
		r = apply_act(t.pool, &quick);
		pp_result_release(&r);
		sleep_ms(2);
	}
	assert_in_range(shared_kb(), 0, before - 400);
	close_pool(&t);
}
EACH_PROCESS_START(check_memory_of_the_dead)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_PROCESS_START(check_bad_ends),
		IN_EACH_PROCESS_START(check_bad_ends_one_by_one),
		IN_EACH_START(check_failures),
		IN_EACH_START(check_timeout),
		IN_EACH_START(check_timeout_counts_running_time),
		IN_EACH_PROCESS_START(check_retries),
		IN_EACH_START(check_failures_are_not_retried),
		IN_EACH_PROCESS_START(check_killed_from_outside),
		IN_EACH_PROCESS_START(check_idle_workers_killed),
		IN_EACH_PROCESS_START(check_initializer_dies),
		IN_EACH_START(check_cancel),
		IN_EACH_START(check_cancel_map),
		IN_EACH_START(check_free_behind_a_task),
		IN_EACH_PROCESS_START(check_replacement_is_prompt),
		IN_EACH_PROCESS_START(check_scribbling_worker),
		IN_EACH_PROCESS_START(check_timeout_of_a_liar),
		IN_EACH_PROCESS_START(check_memory_of_the_dead),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
