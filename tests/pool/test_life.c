/* SPDX-License-Identifier: MIT */
/* A pool's life: idle, resized, closed, left behind, and its caller killed. Seen from /proc. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pp_pool_opts workers(unsigned n)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;

	opts.workers = n;
	return opts;
}

static void run_one(struct pp_pool *pool)
{
	struct act act = act_of(ACT_ECHO, 0, 42);
	struct pp_result r = apply_act(pool, &act);

	assert_int_equal(value_of(&r), 42);
	pp_result_release(&r);
}

static void check_idle_uses_no_cpu(enum pp_start start)
{
	struct pp_pool_opts opts = workers(4);
	struct pool_under_test t = open_pool(start, &opts);
	pid_t pids[16];
	int64_t before[16];
	size_t n;

	for (int i = 0; i < 100; i++)
		run_one(t.pool);
	sleep_ms(200);
	n = children_of(getpid(), pids, 15);
	assert_true(start == PP_START_THREAD || n >= 4);
	pids[n++] = getpid();
	for (size_t i = 0; i < n; i++)
		before[i] = cpu_ns_of(pids[i]);
	sleep_ms(1000);
	for (size_t i = 0; i < n; i++)
		assert_true(cpu_ns_of(pids[i]) - before[i] < 2 * MSEC);
	run_one(t.pool);
	close_pool(&t);
}
EACH_START(check_idle_uses_no_cpu)

static void check_resize(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	static const unsigned sizes[] = { 6, 1, 3, 3 };

	run_one(t.pool);
	for (size_t i = 0; i < 4; i++) {
		int64_t until = clock_ns() + 5 * SECOND;

		assert_ok(pp_pool_resize(t.pool, sizes[i]));
		do {
			run_one(t.pool);
			assert_ok(pp_pool_stats(t.pool, &stats));
		} while (stats.alive != sizes[i] && clock_ns() < until);
		assert_int_equal(stats.alive, sizes[i]);
		assert_int_equal(stats.workers, sizes[i]);
	}
	assert_int_equal(pp_pool_resize(t.pool, 0), -EINVAL);
	assert_int_equal(pp_pool_resize(t.pool, PP_WORKERS_MAX + 1), -EINVAL);
	close_pool(&t);
}
EACH_START(check_resize)

static void check_keep_alive(enum pp_start start)
{
	struct pp_pool_opts opts = workers(3);
	struct pool_under_test t;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	int64_t until = clock_ns() + 5 * SECOND;

	opts.keep_alive_ns = 50 * MSEC;
	t = open_pool(start, &opts);
	run_one(t.pool);
	do {
		struct pollfd fd = { .fd = pp_pool_fd(t.pool), .events = POLLIN };

		poll(&fd, 1, 100);
		assert_true(pp_pool_drive(t.pool) >= 0);
		assert_ok(pp_pool_stats(t.pool, &stats));
	} while (stats.alive > 0 && clock_ns() < until);
	assert_int_equal(stats.alive, 0);
	run_one(t.pool); /* they come back */
	close_pool(&t);
}
EACH_START(check_keep_alive)

static void check_max_tasks(enum pp_start start)
{
	struct pp_pool_opts opts = workers(1);
	struct pool_under_test t;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct pp_results *results;
	struct iovec items[100] = { { NULL, 0 } };
	struct pp_result r;
	pid_t last = 0;
	unsigned changes = 0;

	opts.max_tasks = 10;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_map(t.pool, "echo", items, 100, NULL, &results));
	assert_int_equal(pp_results_bad(results), 0);
	for (size_t i = 0; i < 100; i++) {
		assert_ok(pp_results_get(results, i, &r));
		changes += r.worker_pid != last;
		last = r.worker_pid;
	}
	assert_int_equal(changes, 10);
	pp_results_free(results);
	assert_ok(pp_pool_stats(t.pool, &stats));
	assert_true(stats.recycled >= 9);
	assert_int_equal(stats.restarts, 0);
	close_pool(&t);
}
EACH_START(check_max_tasks)

PP_TASK(leak)
{
	static char *kept[64];
	static int n;
	size_t len = 16u << 20;

	kept[n] = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(kept[n], 1, len);
	n = (n + 1) % 64;
	return pp_call_write(call, "", 1);
}

static void check_max_rss(enum pp_start start)
{
	struct pp_pool_opts opts = workers(1);
	struct pool_under_test t;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct pp_result r;

	opts.max_rss_kb = 100 << 10;
	t = open_pool(start, &opts);
	for (int i = 0; i < 30; i++) { /* 480 MiB in all */
		assert_ok(pp_pool_apply(t.pool, "leak", NULL, 0, &r));
		assert_int_equal(r.outcome, PP_DONE);
		pp_result_release(&r);
	}
	assert_ok(pp_pool_stats(t.pool, &stats));
	assert_true(stats.recycled >= 3);
	assert_int_equal(stats.died, 0);
	close_pool(&t);
}
EACH_PROCESS_START(check_max_rss)

static void check_close_and_join(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	struct act nap = act_of(ACT_SLEEP, 50, 7);
	struct pp_future *futures[10], *none;
	struct pp_result r;

	assert_int_equal(pp_pool_join(t.pool, 0), -EINVAL);
	for (int i = 0; i < 10; i++)
		assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &futures[i]));
	assert_ok(pp_pool_close(t.pool));
	assert_ok(pp_pool_close(t.pool));
	assert_int_equal(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &none), -ESHUTDOWN);
	assert_int_equal(pp_pool_join(t.pool, 1 * MSEC), -ETIMEDOUT);
	assert_ok(pp_pool_join(t.pool, -1));
	assert_ok(pp_pool_join(t.pool, -1));
	for (int i = 0; i < 10; i++) {
		assert_ok(pp_future_result(futures[i], &r));
		assert_int_equal(value_of(&r), 7);
		pp_future_free(futures[i]);
	}
	close_pool(&t);
}
EACH_START(check_close_and_join)

static void check_terminate(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	struct act nap = act_of(ACT_SLEEP, start == PP_START_THREAD ? 300 : 30000, 7);
	struct pp_future *futures[10];
	struct pp_result r;
	int64_t begin;

	for (int i = 0; i < 10; i++)
		assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &futures[i]));
	assert_int_equal(pp_future_wait(futures[0], 100 * MSEC), -ETIMEDOUT);
	begin = clock_ns();
	assert_ok(pp_pool_terminate(t.pool));
	assert_ok(pp_pool_terminate(t.pool));
	for (int i = 0; i < 10; i++) {
		assert_ok(pp_future_result(futures[i], &r));
		assert_int_equal(r.outcome, PP_CANCELLED);
		pp_future_free(futures[i]);
	}
	assert_ok(pp_pool_join(t.pool, -1));
	assert_true(clock_ns() - begin < SECOND);
	close_pool(&t);
}
EACH_START(check_terminate)

/* A caller that only frees, with work under way: as harmless as terminating. */
static void check_free_alone(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	struct act nap = act_of(ACT_SLEEP, start == PP_START_THREAD ? 300 : 30000, 7);
	struct pp_future *future;

	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &future));
	assert_int_equal(pp_context_free(t.context), -EBUSY);
	close_pool(&t);
	pp_future_free(future);
}
EACH_START(check_free_alone)

/* What the outer test learns of a caller that it made and that will end without a word. */
struct left_behind {
	pid_t pids[32];
	size_t n;
};

/* In a child: a pool with busy and idle workers; its process ids go to shared memory. */
static void become_caller(enum pp_start start, struct left_behind *left, int ready_fd)
{
	struct pp_context *context;
	struct pp_pool_opts opts = workers(4);
	struct act spin = act_of(ACT_SPIN, 0, 0), quick = act_of(ACT_ECHO, 0, 1);
	struct pp_future *future;
	struct pp_pool *pool;
	struct pp_result r;

	child_check(pp_context_new(&context, start, NULL) == 0);
	child_check(pp_pool_new(&pool, context, &opts) == 0);
	for (int i = 0; i < 50; i++)
		child_check(pp_pool_apply(pool, "act", &quick, sizeof(quick), &r) == 0);
	for (int i = 0; i < 2; i++)
		child_check(pp_pool_submit(pool, "act", &spin, sizeof(spin), NULL, &future) == 0);
	sleep_ms(50);
	left->n = children_of(getpid(), left->pids, 32);
	child_check(left->n >= 4);
	child_check(write(ready_fd, "", 1) == 1);
}

enum way_to_end { BY_SIGKILL, BY_EXIT, BY_SEGV, BY_EXEC };

static void leave_by(enum way_to_end way)
{
	switch (way) {
	case BY_SIGKILL:
		pause();
		break;
	case BY_EXIT:
		exit(0);
	case BY_SEGV:
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
		break;
	case BY_EXEC:
		execl("/bin/sleep", "sleep", "30", NULL);
		_exit(1);
	}
}

static void caller_ends(enum pp_start start, enum way_to_end way)
{
	struct left_behind *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2], spared = 0;
	char byte;
	pid_t pid;

	assert_true(left != MAP_FAILED);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		become_caller(start, left, ready[1]);
		leave_by(way);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	if (way == BY_SIGKILL)
		kill(pid, SIGKILL);
	/* How fast they then go is the scheduler's; that they must, is ours. An exec'ed image tells no moment. */
	if (way != BY_EXEC) {
		waitpid(pid, NULL, 0);
		for (size_t i = 0; i < left->n; i++)
			if (!is_doomed(left->pids[i])) { /* or has just taken the signal */
				sleep_ms(50);
				spared += !is_doomed(left->pids[i]);
			}
	}
	if (!all_gone_within(left->pids, left->n, 10000)) {
		for (size_t i = 0; i < left->n; i++)
			kill(left->pids[i], SIGKILL);
		spared++;
	}
	assert_int_equal(spared, 0);
	if (way == BY_EXEC) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	/* Nobody else keeps our pipe open: end of file comes. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	munmap(left, sizeof(*left));
}

static void check_caller_killed(enum pp_start start)
{
	caller_ends(start, BY_SIGKILL);
}
EACH_PROCESS_START(check_caller_killed)

static void check_caller_exits(enum pp_start start)
{
	caller_ends(start, BY_EXIT);
}
EACH_PROCESS_START(check_caller_exits)

static void check_caller_crashes(enum pp_start start)
{
	caller_ends(start, BY_SEGV);
}
EACH_PROCESS_START(check_caller_crashes)

static void check_caller_execs(enum pp_start start)
{
	caller_ends(start, BY_EXEC);
}
EACH_PROCESS_START(check_caller_execs)

/* In a child of the caller the handles are foreign, and using or freeing them harms nobody. */
static void check_caller_forks(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	struct act quick = act_of(ACT_ECHO, 0, 1);
	struct pp_future *future;
	pid_t pid;

	run_one(t.pool);
	assert_ok(pp_pool_submit(t.pool, "act", &quick, sizeof(quick), NULL, &future));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct pp_result r;

		child_check(pp_pool_apply(t.pool, "act", &quick, sizeof(quick), &r) == -EOWNERDEAD);
		child_check(pp_pool_close(t.pool) == -EOWNERDEAD);
		child_check(pp_pool_terminate(t.pool) == -EOWNERDEAD);
		child_check(pp_future_wait(future, 0) == -EOWNERDEAD);
		pp_future_free(future);
		pp_pool_free(t.pool);
		pp_context_free(t.context);
		_exit(0);
	}
	assert_child_ok(pid);
	assert_ok(pp_future_wait(future, 5 * SECOND));
	pp_future_free(future);
	for (int i = 0; i < 20; i++)
		run_one(t.pool);
	close_pool(&t);
}
EACH_START(check_caller_forks)

/* A child of the caller may use pools of its own, at the same time as the caller uses its. */
static void check_fork_and_own_pool(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	pid_t pid;

#ifdef __SANITIZE_THREAD__
	if (start == PP_START_THREAD)
		skip_because("the thread sanitizer allows no thread after a fork from many");
#endif
	run_one(t.pool);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct act quick = act_of(ACT_ECHO, 0, 5);
		struct pp_context *context;
		struct pp_pool *pool;
		struct pp_result r;

		child_check(pp_context_new(&context, start, NULL) == 0);
		child_check(pp_pool_new(&pool, context, &opts) == 0);
		child_check(pp_pool_apply(pool, "act", &quick, sizeof(quick), &r) == 0);
		child_check(value_of(&r) == 5);
		pp_result_release(&r);
		pp_pool_free(pool);
		child_check(pp_context_free(context) == 0);
		_exit(0);
	}
	for (int i = 0; i < 20; i++)
		run_one(t.pool);
	assert_child_ok(pid);
	close_pool(&t);
}
EACH_START(check_fork_and_own_pool)

/* A child that lives on must not keep the workers alive when the caller is killed. */
static void check_forked_child_outlives_caller(enum pp_start start)
{
	struct left_behind *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2];
	pid_t pid, *grandchild;
	char byte;

	assert_true(left != MAP_FAILED);
	grandchild = &left->pids[31];
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		become_caller(start, left, ready[1]);
		pid_t child = fork();

		if (child == 0) {
			sleep_ms(10000);
			_exit(0);
		}
		*grandchild = child;
		child_check(write(ready[1], "", 1) == 1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(all_gone_within(left->pids, left->n, 100));
	kill(*grandchild, SIGKILL);
	close(ready[0]);
	close(ready[1]);
	munmap(left, sizeof(*left));
}
EACH_PROCESS_START(check_forked_child_outlives_caller)

static void check_signals_in_worker(enum pp_start start)
{
	struct pp_pool_opts opts = workers(1);
	struct pool_under_test t;
	struct pp_result r;
	unsigned long long blocked, ignored;
	sigset_t set;

	/* A caller with its own ideas about signals must not hand them on. */
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	t = open_pool(start, &opts);
	assert_ok(pp_pool_apply(t.pool, "signal_state", NULL, 0, &r));
	assert_int_equal(sscanf(r.data, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	/* Signals 32 and 33 are libc's own: make leaves them ignored, and nobody can reset them. */
	assert_int_equal(ignored & ~(1ull << (SIGINT - 1) | 3ull << 31), 0);
	pp_result_release(&r);
	close_pool(&t);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
EACH_PROCESS_START(check_signals_in_worker)

/* The library puts no handler into the caller and leaves its mask as it is. */
static void check_caller_signals_untouched(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t;
	struct sigaction actions[NSIG], act;
	sigset_t before, after;

	sigprocmask(SIG_BLOCK, NULL, &before);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, NULL, &actions[sig]);
	t = open_pool(start, &opts);
	run_one(t.pool);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigaction(sig, NULL, &act) == 0)
			assert_ptr_equal(act.sa_handler, actions[sig].sa_handler);
	}
	sigprocmask(SIG_BLOCK, NULL, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	close_pool(&t);
}
EACH_START(check_caller_signals_untouched)

static void check_insights(enum pp_start start)
{
	struct pp_pool_opts opts = workers(2);
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct act nap = act_of(ACT_SLEEP, 60, 1), failing = act_of(ACT_FAIL, 1, 0);
	struct pp_future *futures[4];
	struct pp_result r;
	uint64_t items = 0;
	int64_t busy = 0;

	for (int i = 0; i < 4; i++)
		assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &futures[i]));
	for (int i = 0; i < 4; i++) {
		assert_ok(pp_future_wait(futures[i], -1));
		pp_future_free(futures[i]);
	}
	r = apply_act(t.pool, &failing);
	pp_result_release(&r);
	for (unsigned i = 0; i < 2; i++) {
		assert_ok(pp_pool_insight(t.pool, i, &w));
		assert_true(w.pid > 0 && w.start_ns > 0 && w.start_ns < clock_ns());
		assert_true(w.ready_ns >= 0 && w.ready_ns < 10 * SECOND);
		assert_true(start == PP_START_THREAD || w.peak_rss_kb > 100);
		assert_int_equal(w.restarts, 0);
		assert_int_equal(w.running, 0);
		items += w.items;
		busy += w.busy_ns;
	}
	assert_int_equal(items, 5);
	assert_true(busy >= 240 * MSEC && busy < 2 * SECOND);
	assert_int_equal(pp_pool_insight(t.pool, 2, &w), -ERANGE);
	assert_ok(pp_pool_stats(t.pool, &stats));
	assert_int_equal(stats.items_accepted, 5);
	assert_int_equal(stats.items_ended, 5);
	assert_int_equal(stats.done, 4);
	assert_int_equal(stats.failed, 1);
	close_pool(&t);
}
EACH_START(check_insights)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_START(check_idle_uses_no_cpu),
		IN_EACH_START(check_resize),
		IN_EACH_START(check_keep_alive),
		IN_EACH_START(check_max_tasks),
		IN_EACH_PROCESS_START(check_max_rss),
		IN_EACH_START(check_close_and_join),
		IN_EACH_START(check_terminate),
		IN_EACH_START(check_free_alone),
		IN_EACH_PROCESS_START(check_caller_killed),
		IN_EACH_PROCESS_START(check_caller_exits),
		IN_EACH_PROCESS_START(check_caller_crashes),
		IN_EACH_PROCESS_START(check_caller_execs),
		IN_EACH_START(check_caller_forks),
		IN_EACH_START(check_fork_and_own_pool),
		IN_EACH_PROCESS_START(check_forked_child_outlives_caller),
		IN_EACH_PROCESS_START(check_signals_in_worker),
		IN_EACH_START(check_caller_signals_untouched),
		IN_EACH_START(check_insights),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
