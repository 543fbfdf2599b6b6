/* SPDX-License-Identifier: MIT */
/*
 * Workers that write over the memory they share with their caller, then crash, leave or go on. Whatever stands
 * there: the caller never hangs or crashes, the liar's item ends, is begun no more often than its retries allow,
 * and what
 * others gave is right. Likewise for a process that a task forked and that returns into the worker.
 */
#include "pool/support.h"
#include "pool/tasks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS 24

struct case_of_lie {
	enum lie_fill fill;
	uint32_t extent;
	enum lie_then then;
};

static const char *witness_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/procpool-liar.%d", (int)getpid());
	return path;
}

/* How often the liar ran, by the file that each run of it adds a byte to. */
static long runs_since(long before)
{
	struct stat st;

	return stat(witness_path(), &st) < 0 ? -before : (long)st.st_size - before;
}

static struct lie lie_of(const struct case_of_lie *c, unsigned seed)
{
	struct lie lie = { .fill = c->fill, .extent = c->extent, .then = c->then, .seed = seed };

	snprintf(lie.witness, sizeof(lie.witness), "%s", witness_path());
	return lie;
}

static void look_at_liar(const struct pp_result *r, const struct case_of_lie *c, long runs,
			 unsigned retries)
{
	if (c->then == LIE_GO_ON) {
		assert_true(r->outcome == PP_DONE || r->outcome == PP_DIED);
	} else {
		assert_int_equal(r->outcome, PP_DIED);
		assert_int_equal(r->attempts, retries + 1);
	}
	/* Once it may be let off: when nobody could tell which item the worker was in. */
	assert_in_range(runs, 1, retries + 2);
}

/* One liar and those submitted behind it. */
static void lie_once(struct pp_pool *pool, const struct case_of_lie *c, unsigned seed,
		     unsigned retries)
{
	struct pp_submit_opts opts = PP_SUBMIT_OPTS_INIT;
	struct lie lie = lie_of(c, seed);
	struct pp_future *others[OTHERS], *liar;
	struct pp_result r;
	long before = runs_since(0);

	opts.retries = (int)retries;
	assert_ok(pp_pool_submit(pool, "lie", &lie, sizeof(lie), &opts, &liar));
	for (uint64_t i = 0; i < OTHERS; i++) {
		struct act act = act_of(ACT_ECHO, 0, 1000 + i);

		assert_ok(pp_pool_submit(pool, "act", &act, sizeof(act), NULL, &others[i]));
	}
	assert_ok(pp_future_wait(liar, 10 * SECOND));
	assert_ok(pp_future_result(liar, &r));
	look_at_liar(&r, c, runs_since(before), retries);
	pp_future_free(liar);
	for (uint64_t i = 0; i < OTHERS; i++) {
		assert_ok(pp_future_wait(others[i], 10 * SECOND));
		assert_ok(pp_future_result(others[i], &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_int_equal(value_of(&r), 1000 + i);
		pp_future_free(others[i]);
	}
}

static const uint32_t extents[] = { 512, 4096, 8192 + 4096, 256u << 10 };

static void check_liars(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	unsigned seed = 1;

	unlink(witness_path());
	opts.workers = 2;
	t = open_pool(start, &opts);
	for (enum lie_fill fill = LIE_ZEROS; fill <= LIE_NOISE; fill++) {
		for (size_t e = 0; e < sizeof(extents) / sizeof(extents[0]); e++) {
			for (enum lie_then then = LIE_CRASH; then <= LIE_GO_ON; then++) {
				struct case_of_lie c = { fill, extents[e], then };

				lie_once(t.pool, &c, seed++, 0);
				lie_once(t.pool, &c, seed++, then == LIE_GO_ON ? 0 : 2);
			}
		}
	}
	close_pool(&t);
	unlink(witness_path());
}
EACH_PROCESS_START(check_liars)

/* Who says that its item had not begun, each time, is believed for a while, not for ever. */
static void check_denial(enum pp_start start)
{
	struct case_of_lie c = { LIE_DENIAL, 0, LIE_CRASH };
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct lie lie = lie_of(&c, 1);
	struct act act = act_of(ACT_ECHO, 0, 5);
	struct pool_under_test t;
	struct pp_future *liar;
	struct pp_result r;

	unlink(witness_path());
	opts.workers = 2;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_submit(t.pool, "lie", &lie, sizeof(lie), NULL, &liar));
	for (int i = 0; i < 100; i++) {
		r = apply_act(t.pool, &act);
		assert_int_equal(value_of(&r), 5);
		pp_result_release(&r);
	}
	assert_ok(pp_future_wait(liar, 20 * SECOND));
	assert_ok(pp_future_result(liar, &r));
	assert_int_equal(r.outcome, PP_DIED);
	pp_future_free(liar);
	close_pool(&t);
	unlink(witness_path());
}
EACH_PROCESS_START(check_denial)

static bool is_liar(const pid_t *liars, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (liars[i] == pid)
			return true;
	return false;
}

/* In a map some items share a record, and so a fate, with a liar: they end. All that others ran is right. */
static void map_with_liars(struct pp_pool *pool, const struct case_of_lie *c, size_t chunk,
			   unsigned seed)
{
	struct pp_map_opts opts = PP_MAP_OPTS_INIT;
	struct lie lies[4];
	struct iovec items[400];
	struct pp_results *results;
	struct pp_result r;
	pid_t liars[4];
	uint64_t numbers[400];

	for (uint64_t i = 0; i < 400; i++) {
		numbers[i] = i;
		items[i] = (struct iovec){ &numbers[i], sizeof(numbers[i]) };
	}
	for (unsigned i = 0; i < 4; i++) {
		lies[i] = lie_of(c, seed + i);
		items[50 + 100 * i] = (struct iovec){ &lies[i], sizeof(lies[i]) };
	}
	opts.chunk = chunk;
	opts.retries = 1;
	assert_ok(pp_pool_map_async(pool, "lie", items, 400, &opts, &results));
	assert_ok(pp_results_wait(results, 20 * SECOND));
	for (unsigned i = 0; i < 4; i++) {
		assert_ok(pp_results_get(results, 50 + 100 * i, &r));
		liars[i] = r.worker_pid;
		assert_true(c->then == LIE_GO_ON || r.outcome == PP_DIED);
	}
	for (uint64_t i = 0; i < 400; i++) {
		assert_ok(pp_results_get(results, i, &r));
		if (i % 100 != 50 && r.outcome == PP_DONE && !is_liar(liars, 4, r.worker_pid))
			assert_true(r.attempts > 1 || value_of(&r) == i);
	}
	pp_results_free(results);
}

static void check_liars_in_a_map(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	unsigned seed = 1;

	unlink(witness_path());
	opts.workers = 2;
	t = open_pool(start, &opts);
	for (enum lie_fill fill = LIE_ZEROS; fill <= LIE_NOISE; fill++) {
		for (enum lie_then then = LIE_CRASH; then <= LIE_GO_ON; then++) {
			struct case_of_lie c = { fill, 140u << 10, then };

			map_with_liars(t.pool, &c, 1, seed += 4);
			map_with_liars(t.pool, &c, 10, seed += 4);
		}
	}
	close_pool(&t);
	unlink(witness_path());
}
EACH_PROCESS_START(check_liars_in_a_map)

/* An initializer that lies stops the pool, as one that dies does. */
static void check_lying_initializer(enum pp_start start)
{
	for (enum lie_fill fill = LIE_ZEROS; fill <= LIE_DENIAL; fill++) {
		struct case_of_lie c = { fill, 256u << 10, LIE_CRASH };
		struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
		struct lie lie = lie_of(&c, 7);
		struct pool_under_test t;
		struct pp_future *future;
		struct pp_result r;

		opts.workers = 1;
		opts.initializer = "lie";
		opts.init_in = &lie;
		opts.init_len = sizeof(lie);
		t = open_pool(start, &opts);
		if (pp_pool_submit(t.pool, "echo", "x", 1, NULL, &future) == 0) {
			assert_ok(pp_future_wait(future, 10 * SECOND));
			assert_ok(pp_future_result(future, &r));
			assert_int_equal(r.outcome, PP_CANCELLED);
			assert_non_null(strstr(r.message, "lie"));
			pp_future_free(future);
		}
		close_pool(&t);
	}
	unlink(witness_path());
}
EACH_PROCESS_START(check_lying_initializer)

/* The copy of a worker that a task forked and let return takes no part in anything. */
static void check_fork_in_a_task(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct pp_future *futures[40];
	struct pp_result r;

	opts.workers = 2;
	t = open_pool(start, &opts);
	for (int i = 0; i < 40; i++)
		assert_ok(pp_pool_submit(t.pool, "fork_and_return", NULL, 0, NULL, &futures[i]));
	for (int i = 0; i < 40; i++) {
		assert_ok(pp_future_wait(futures[i], 10 * SECOND));
		assert_ok(pp_future_result(futures[i], &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_memory_equal(r.data, "parent", 6);
		pp_future_free(futures[i]);
	}
	close_pool(&t);
}
EACH_START(check_fork_in_a_task)

/* A worker whose task has closed its ties to the caller neither leaves the caller waiting nor outlives it. */
static void check_closed_fds(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct act act = act_of(ACT_ECHO, 0, 5);
	struct pool_under_test t;
	struct pp_result r;

	opts.workers = 2;
	t = open_pool(start, &opts);
	for (int i = 0; i < 10; i++) {
		assert_ok(pp_pool_apply(t.pool, "close_all", NULL, 0, &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_memory_equal(r.data, "closed", 6);
		pp_result_release(&r);
		for (int k = 0; k < 5; k++) {
			r = apply_act(t.pool, &act);
			assert_int_equal(value_of(&r), 5);
			pp_result_release(&r);
		}
	}
	close_pool(&t);
}
EACH_PROCESS_START(check_closed_fds)

/* What wakes the caller is one for all workers: filled by one of them, it wakes for the others still. */
static void check_abused_fds(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct act act = act_of(ACT_SLEEP, 1, 6);
	struct pool_under_test t;
	struct pp_future *abuser;
	struct pp_result r;
	uint64_t ms = 200;

	opts.workers = 2;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_submit(t.pool, "abuse_fds", &ms, sizeof(ms), NULL, &abuser));
	for (int i = 0; i < 300; i++) {
		r = apply_act(t.pool, &act);
		assert_int_equal(r.outcome, PP_DONE);
		pp_result_release(&r);
	}
	assert_ok(pp_future_wait(abuser, 10 * SECOND));
	assert_ok(pp_future_result(abuser, &r));
	assert_true(value_of(&r) >= 4096);
	pp_future_free(abuser);
	close_pool(&t);
}
EACH_PROCESS_START(check_abused_fds)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_PROCESS_START(check_liars),
		IN_EACH_PROCESS_START(check_denial),
		IN_EACH_PROCESS_START(check_liars_in_a_map),
		IN_EACH_PROCESS_START(check_lying_initializer),
		IN_EACH_START(check_fork_in_a_task),
		IN_EACH_PROCESS_START(check_closed_fds),
		IN_EACH_PROCESS_START(check_abused_fds),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
