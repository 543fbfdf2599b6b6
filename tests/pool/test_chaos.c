/* SPDX-License-Identifier: MIT */
/*
 * Random kill -9 of workers and fork servers during maps, and of callers with all they have: nothing hangs,
 * nothing is lost, doubled or left behind. FORKSCOPE_CHAOS=N makes N kills a start method (default 200).
 * The seed is printed, and FORKSCOPE_SEED repeats it.
 */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 4000
#define RETRIES 1000000

static unsigned kills_wanted(void)
{
	const char *text = getenv("FORKSCOPE_CHAOS");
	int n = text ? atoi(text) : 0;

	return n > 1 ? (unsigned)n : 200;
}

static unsigned seed(void)
{
	const char *text = getenv("FORKSCOPE_SEED");
	unsigned value = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)clock_ns();

	print_message("# FORKSCOPE_SEED=%u\n", value);
	return value;
}

struct chaos {
	_Atomic unsigned kills;
	_Atomic int stop;
};

/* In a process of its own: kills a random child of the caller every now and then. */
static void kill_at_random(struct chaos *chaos, pid_t caller, unsigned value)
{
	pid_t pids[64];
	size_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!chaos->stop) {
		usleep(500 + rand_r(&value) % 6000);
		n = children_of(caller, pids, 64);
		if (n > 64)
			n = 64;
		/* One of them is this process. */
		pid_t pid = n ? pids[(size_t)rand_r(&value) % n] : 0;

		if (pid > 0 && pid != getpid() && kill(pid, SIGKILL) == 0)
			chaos->kills++;
	}
	_exit(0);
}

static void on_end(struct pp_future *future, void *arg)
{
	uint32_t *count = arg;

	(void)future;
	++*count;
}

/* Futures of which each must be called back once, while workers die. */
static void submit_all(struct pp_pool *pool)
{
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pp_future *futures[200];
	uint32_t counts[200] = { 0 };
	struct pp_result r;

	submit.callback = on_end;
	for (uint64_t i = 0; i < 200; i++) {
		submit.arg = &counts[i];
		assert_ok(pp_pool_submit(pool, "square", &i, sizeof(i), &submit, &futures[i]));
	}
	for (uint64_t i = 0; i < 200; i++) {
		assert_ok(pp_future_wait(futures[i], 20 * SECOND));
		assert_ok(pp_future_result(futures[i], &r));
		assert_int_equal(value_of(&r), i * i);
		assert_int_equal(counts[i], 1);
		pp_future_free(futures[i]);
	}
}

static void map_all(struct pp_pool *pool, const struct iovec *items)
{
	struct pp_results *results;
	struct pp_result r;

	assert_ok(pp_pool_map_async(pool, "act", items, ITEMS, NULL, &results));
	assert_ok(pp_results_wait(results, 30 * SECOND));
	assert_int_equal(pp_results_ended(results), ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_ok(pp_results_get(results, i, &r));
		if (r.outcome != PP_DONE)
			fail_msg("item %zu ended %s: %s", i, pp_outcome_name(r.outcome), r.message);
		assert_int_equal(value_of(&r), i);
	}
	pp_results_free(results);
}

static int count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[1024];
	int n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, "memfd:") != NULL;
	if (file)
		fclose(file);
	return n;
}

static void check_chaos(enum pp_start start)
{
	struct chaos *chaos = mmap(NULL, sizeof(*chaos), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct act *acts;
	struct iovec *items = act_items(ITEMS, &acts);
	struct pool_under_test t;
	unsigned value = seed(), kills = kills_wanted();
	int mappings = count_mappings();
	pid_t killer, caller = getpid();

	assert_true(chaos != MAP_FAILED);
	for (size_t i = 0; i < ITEMS; i += 10)
		acts[i] = act_of(ACT_SLEEP, 1, i);
	opts.workers = 4;
	opts.retries = RETRIES;
	t = open_pool(start, &opts);
	killer = fork();
	assert_true(killer >= 0);
	if (killer == 0)
		kill_at_random(chaos, caller, value);
	while (chaos->kills < kills) {
		map_all(t.pool, items);
		submit_all(t.pool);
	}
	chaos->stop = 1;
	assert_child_ok(killer);
	map_all(t.pool, items);
	assert_ok(pp_pool_stats(t.pool, &stats));
	assert_int_equal(stats.items_accepted, stats.items_ended);
	assert_int_equal(stats.done, stats.items_ended);
	print_message("# %u kills, %llu items, %llu tried again, %llu workers replaced\n",
		      chaos->kills, (unsigned long long)stats.items_ended,
		      (unsigned long long)stats.retried, (unsigned long long)stats.restarts);
	assert_true(stats.restarts > kills / 4);
	close_pool(&t);
	assert_int_equal(count_mappings(), mappings);
	munmap(chaos, sizeof(*chaos));
	free(items);
}
EACH_PROCESS_START(check_chaos)

/* In a child: pools and work without end, until it is killed. */
static void live_dangerously(enum pp_start start)
{
	struct pp_context *context;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct act *acts;
	struct iovec *items = act_items(500, &acts);
	struct pp_results *results;
	struct pp_pool *pool;

	for (size_t i = 0; i < 500; i += 20)
		acts[i] = act_of(i % 100 ? ACT_SLEEP : ACT_SEGV, 2, i);
	opts.workers = 4;
	opts.spares = 1;
	for (;;) {
		child_check(pp_context_new(&context, start, NULL) == 0);
		child_check(pp_pool_new(&pool, context, &opts) == 0);
		for (int i = 0; i < 3; i++) {
			child_check(pp_pool_map(pool, "act", items, 500, NULL, &results) == 0);
			pp_results_free(results);
		}
		pp_pool_free(pool);
		child_check(pp_context_free(context) == 0);
	}
}

/* As a subreaper this process inherits whatever a killed caller leaves: soon there must be nothing. */
static void check_caller_killed_at_random(enum pp_start start)
{
	unsigned value = seed(), rounds = kills_wanted() / 5;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (unsigned i = 0; i < rounds; i++) {
		int64_t killed;
		pid_t caller = fork();

		assert_true(caller >= 0);
		if (caller == 0)
			live_dangerously(start);
		usleep((unsigned)rand_r(&value) % 30000);
		assert_int_equal(waitpid(caller, NULL, WNOHANG), 0);
		kill(caller, SIGKILL);
		killed = clock_ns();
		while (waitpid(-1, NULL, WNOHANG) >= 0 && clock_ns() - killed < 2 * SECOND)
			usleep(200);
		if (clock_ns() - killed > 100 * MSEC)
			fail_msg("round %u: the last of a killed caller's processes took %lld ms",
				 i, (long long)((clock_ns() - killed) / MSEC));
	}
}
EACH_PROCESS_START(check_caller_killed_at_random)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_PROCESS_START(check_chaos),
		IN_EACH_PROCESS_START(check_caller_killed_at_random),
	};

	pp_main(argc, argv);
	if (getenv("FORKSCOPE_CHAOS"))
		setenv("FORKSCOPE_TEST_SECONDS", "3600", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
