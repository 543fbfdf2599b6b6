/* SPDX-License-Identifier: MIT */
/*
 * What a start leaves out because it is not needed: looked at where it would be needed after all. Signals, tasks that a
 * worker could not know when it was forked, and processes that nobody waits for until they are set up.
 */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../pool/internal.h"

/* 32 and 33 are libc's own: sigaction() does not speak of them. */
#define LIBC_SIGNALS (3ull << 31)

static void on_signal(int sig)
{
	(void)sig;
}

static uint64_t handled_by_sigaction(void)
{
	struct sigaction sa;
	uint64_t handled = 0;
	int sig;

	for (sig = 1; sig <= 64; sig++)
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			handled |= 1ull << (sig - 1);
	return handled;
}

/* Also where no fd is free to look into /proc with. */
static void test_handled_signals(void **state)
{
	struct rlimit old, none;
	uint64_t want;

	(void)state;
	signal(SIGHUP, on_signal);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGRTMAX, on_signal);
	want = handled_by_sigaction();
	assert_true(want >> (SIGHUP - 1) & 1 && want >> (SIGUSR2 - 1) & 1 && want >> 63 & 1);
	assert_int_equal(child_handled_signals() & ~LIBC_SIGNALS, want & ~LIBC_SIGNALS);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
	assert_int_equal(child_handled_signals() & ~LIBC_SIGNALS, want & ~LIBC_SIGNALS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}
ISOLATE(test_handled_signals)

static struct pp_process *start_process(struct pp_context *context, const char *task)
{
	struct pp_process *process;

	assert_ok(pp_process_start(&process, context, task, NULL, 0, NULL));
	return process;
}

static void join_done(struct pp_process *process, struct pp_result *ret)
{
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_result(process, ret));
	assert_int_equal(ret->outcome, PP_DONE);
}

/* Whether the caller's word about its signals came before the child asked or after: its handlers are gone. */
static void check_signals_in_process(enum pp_start start)
{
	unsigned long long blocked, ignored, caught;
	struct pp_context *context;
	struct pp_result r;
	int i;

	signal(SIGHUP, on_signal);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGRTMAX, on_signal);
	assert_ok(pp_context_new(&context, start, NULL));
	for (i = 0; i < 40; i++) {
		struct pp_process *p = start_process(context, "signal_state");

		join_done(p, &r);
		assert_int_equal(sscanf(r.data, "SigBlk: %llx SigIgn: %llx SigCgt: %llx", &blocked,
					&ignored, &caught),
				 3);
		assert_int_equal(blocked, 0);
		assert_int_equal(ignored & ~LIBC_SIGNALS, 0);
		assert_int_equal(caught & (1ull << (SIGHUP - 1) | 1ull << 63), 0);
		assert_true(caught & 1ull << (SIGINT - 1));
		pp_process_free(p);
	}
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_signals_in_process)

/* Nothing at all but stdio: it outlives its caller, and its result is in memory. */
static void test_fds_of_plain_process(void **state)
{
	int held = fcntl(0, F_DUPFD, 100); /* without CLOEXEC, on purpose */
	struct pp_context *context;
	struct pp_process *p;
	struct pp_result r;

	(void)state;
	assert_true(held >= 100);
	assert_ok(pp_context_new(&context, PP_START_FORK, NULL));
	p = start_process(context, "own_fds");
	join_done(p, &r);
	assert_string_equal(r.data, "0 1 2 ");
	pp_process_free(p);
	assert_ok(pp_context_free(context));
	close(held);
}
ISOLATE(test_fds_of_plain_process)

/* A task of a module that was loaded after the workers were forked; then one they could know; and both again. */
static void check_late_task(enum pp_start start)
{
	const char *build = getenv("FORKSCOPE_BUILD");
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct pp_result r;
	char late[256];
	int i;

	snprintf(late, sizeof(late), "%s/tests/pool/modules/preload.so:who_loaded",
		 build ? build : "build");
	opts.workers = 1;
	opts.max_tasks = 3;
	t = open_pool(start, &opts);
	for (i = 0; i < 12; i++) {
		pid_t pids[2];

		assert_ok(pp_pool_apply(t.pool, i % 2 ? "own_pid" : late, NULL, 0, &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_int_equal(r.len, i % 2 ? sizeof(pid_t) : sizeof(pids));
		memcpy(pids, r.data, r.len);
		assert_int_equal(pids[i % 2 ? 0 : 1], r.worker_pid);
		pp_result_release(&r);
	}
	close_pool(&t);
}
EACH_PROCESS_START(check_late_task)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_handled_signals),
		IN_EACH_PROCESS_START(check_signals_in_process),
		ISOLATED(test_fds_of_plain_process),
		IN_EACH_PROCESS_START(check_late_task),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
