/* SPDX-License-Identifier: MIT */
/*
 * A worker is killed after N instructions of its loop, for many N: whatever it was doing (sleeping, taking an
 * item, writing a result, going to sleep again), the pool goes on and every item ends exactly once.
 *
 * A second process, the stepper, attaches to the worker while it sleeps. Then the caller gives it three
 * items, the stepper lets it make N single steps and kills it. FORKSCOPE_CHAOS=1 takes every N.
 */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 3
#define STEPS_MAX 6000

enum { STEPPED_ALL = 0, COULD_NOT_ATTACH = 3 };

static bool wait_stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

/* In a process of its own. Says on `ready` that it holds the worker. */
static void step_and_kill(pid_t worker, unsigned steps, int ready)
{
	alarm(20);
	if (ptrace(PTRACE_SEIZE, worker, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, worker, 0, 0) < 0 ||
	    !wait_stopped(worker))
		_exit(COULD_NOT_ATTACH);
	if (write(ready, "", 1) != 1)
		_exit(COULD_NOT_ATTACH);
	for (unsigned i = 0; i < steps; i++) {
		if (ptrace(PTRACE_SINGLESTEP, worker, 0, 0) < 0 || !wait_stopped(worker))
			_exit(1);
	}
	kill(worker, SIGKILL);
	/* Until its tracer has reaped it, its parent cannot. */
	while (waitpid(worker, NULL, __WALL) < 0 && errno == EINTR)
		;
	_exit(STEPPED_ALL);
}

static pid_t only_worker(struct pp_pool *pool)
{
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct act act = act_of(ACT_ECHO, 0, 1);
	struct pp_result r = apply_act(pool, &act);

	assert_int_equal(value_of(&r), 1);
	pp_result_release(&r);
	assert_ok(pp_pool_insight(pool, 0, &w));
	assert_true(w.pid > 0);
	return w.pid;
}

/* Gives three items and looks at how they end. Returns how many died. */
static unsigned run_items(struct pp_pool *pool)
{
	struct pp_future *futures[ITEMS];
	struct pp_result r;
	unsigned died = 0;

	for (uint64_t i = 0; i < ITEMS; i++) {
		struct act act = act_of(ACT_ECHO, 0, 100 + i);

		assert_ok(pp_pool_submit(pool, "act", &act, sizeof(act), NULL, &futures[i]));
	}
	for (uint64_t i = 0; i < ITEMS; i++) {
		assert_ok(pp_future_wait(futures[i], 10 * SECOND));
		assert_ok(pp_future_result(futures[i], &r));
		if (r.outcome == PP_DIED) {
			assert_int_equal(r.signal, SIGKILL);
			died++;
		} else {
			assert_int_equal(value_of(&r), 100 + i);
		}
		pp_future_free(futures[i]);
	}
	return died;
}

/* True while the worker makes so many steps; false once its loop is over before them. */
static bool kill_after(struct pp_pool *pool, unsigned steps)
{
	pid_t worker = only_worker(pool), stepper;
	int ready[2], status = 0;
	unsigned died;
	char byte;

	assert_int_equal(pipe2(ready, 0), 0);
	stepper = fork();
	assert_true(stepper >= 0);
	if (stepper == 0) {
		close(ready[0]);
		step_and_kill(worker, steps, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(stepper, &status, 0);
		close(ready[0]);
		skip_because("cannot trace a process here");
	}
	close(ready[0]);
	died = run_items(pool);
	assert_true(died <= 1); /* no more than the one it was in */
	/* When the loop was over first, the stepper waits for a step that does not come. */
	for (int i = 0; i < 20 && waitpid(stepper, &status, WNOHANG) == 0; i++) {
		if (i == 19) {
			kill(stepper, SIGKILL);
			waitpid(stepper, &status, 0);
		}
		sleep_ms(1);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == STEPPED_ALL;
}

static void check_any_instruction(enum pp_start start)
{
	const char *thorough = getenv("FORKSCOPE_CHAOS");
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	unsigned steps, over = 0, stride = thorough ? 1 : 23, killed = 0;
	int64_t until = clock_ns() + (thorough ? 3600 : 12) * SECOND;

	opts.workers = 1;
	t = open_pool(start, &opts);
	for (steps = 0; steps < STEPS_MAX && over < 3 && clock_ns() < until; steps += stride) {
		if (kill_after(t.pool, steps)) {
			killed++;
			over = 0;
		} else {
			over++;
		}
	}
	print_message("# killed %u times, the last after %u instructions\n", killed, steps);
	assert_true(killed >= 20);
	close_pool(&t);
}
EACH_PROCESS_START(check_any_instruction)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_PROCESS_START(check_any_instruction),
	};

	pp_main(argc, argv);
	if (getenv("FORKSCOPE_CHAOS"))
		setenv("FORKSCOPE_TEST_SECONDS", "3600", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
