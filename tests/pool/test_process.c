/* SPDX-License-Identifier: MIT */
/* One process for one task: start, sentinel, join, exit code, kill, what it is given. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pp_process *start_act(struct pp_context *context, enum act_what what, uint32_t arg,
				    const struct pp_process_opts *opts)
{
	struct act act = act_of(what, arg, 99);
	struct pp_process *process;

	assert_ok(pp_process_start(&process, context, "act", &act, sizeof(act), opts));
	return process;
}

static struct pp_context *context_of(enum pp_start start)
{
	struct pp_context *context;

	assert_ok(pp_context_new(&context, start, NULL));
	assert_int_equal(pp_context_start(context), start);
	return context;
}

static void check_result(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process *process = start_act(context, ACT_ECHO, 0, NULL);
	struct pp_result r;
	int code = -1000;

	assert_true(pp_process_pid(process) > 0);
	assert_string_equal(pp_process_name(process), "act");
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_join(process, 0));
	assert_int_equal(pp_process_alive(process), 0);
	assert_ok(pp_process_exit_code(process, &code));
	assert_int_equal(code, 0);
	assert_ok(pp_process_result(process, &r));
	assert_int_equal(value_of(&r), 99);
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_START(check_result)

static void check_large_result(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	uint64_t len = 9u << 20;
	struct pp_process *process;
	struct pp_result r;

	assert_ok(pp_process_start(&process, context, "produce", &len, sizeof(len), NULL));
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_result(process, &r));
	assert_int_equal(r.outcome, PP_DONE);
	assert_int_equal(r.len, len);
	assert_int_equal(((const char *)r.data)[len - 1], 'p');
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_START(check_large_result)

static void check_exit_codes(enum pp_start start)
{
	static const struct {
		enum act_what what;
		uint32_t arg;
		int code;
	} ends[] = {
		{ ACT_RETURN, 3, 3 },	   { ACT_RETURN, 255, 255 },   { ACT_RETURN, 256, 1 },
		{ ACT_FAIL, 7, 7 },	   { ACT_EXIT, 9, 9 },	       { ACT_SEGV, 0, -SIGSEGV },
		{ ACT_KILL, 0, -SIGKILL }, { ACT_ABORT, 0, -SIGABRT },
	};
	struct pp_context *context = context_of(start);
	int code;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct pp_process *process = start_act(context, ends[i].what, ends[i].arg, NULL);

		assert_ok(pp_process_join(process, 10 * SECOND));
		assert_ok(pp_process_exit_code(process, &code));
		assert_int_equal(code, ends[i].code);
		pp_process_free(process);
	}
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_exit_codes)

static void check_join_timeout_and_sentinel(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process *process = start_act(context, ACT_SLEEP, 300, NULL);
	struct pollfd fd = { .fd = pp_process_fd(process), .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC), code;
	struct pp_result r;

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd.fd, &event), 0);
	assert_int_equal(pp_process_alive(process), 1);
	assert_int_equal(pp_process_exit_code(process, &code), -EAGAIN);
	assert_int_equal(pp_process_result(process, &r), -EAGAIN);
	assert_int_equal(pp_process_join(process, 0), -ETIMEDOUT);
	assert_int_equal(pp_process_join(process, 20 * MSEC), -ETIMEDOUT);
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
	assert_int_equal(poll(&fd, 1, 5000), 1);
	assert_int_equal(epoll_wait(epoll, &event, 1, 0), 1);
	assert_ok(pp_process_join(process, 100 * MSEC));
	close(epoll);
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_START(check_join_timeout_and_sentinel)

/* A grandchild that lives on must not hold the sentinel back. */
PP_TASK(leave_grandchild)
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep_ms(3000);
		_exit(0);
	}
	return pp_call_write(call, &pid, sizeof(pid));
}

static void check_grandchild(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process *process;
	struct pp_result r;
	pid_t grandchild;

	assert_ok(pp_process_start(&process, context, "leave_grandchild", NULL, 0, NULL));
	assert_ok(pp_process_join(process, 1 * SECOND));
	assert_ok(pp_process_result(process, &r));
	assert_int_equal(r.len, sizeof(grandchild));
	memcpy(&grandchild, r.data, sizeof(grandchild));
	kill(grandchild, SIGKILL);
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_grandchild)

static void check_kill(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process *process;
	int code;

	process = start_act(context, ACT_SPIN, 0, NULL);
	sleep_ms(20);
	assert_ok(pp_process_terminate(process));
	assert_ok(pp_process_join(process, 5 * SECOND));
	assert_ok(pp_process_exit_code(process, &code));
	assert_int_equal(code, -SIGTERM);
	assert_ok(pp_process_terminate(
		process)); /* it has ended: nothing to do, and no other's pid */
	pp_process_free(process);
	process = start_act(context, ACT_SPIN, 0, NULL);
	assert_ok(pp_process_kill(process));
	assert_ok(pp_process_join(process, 5 * SECOND));
	assert_ok(pp_process_exit_code(process, &code));
	assert_int_equal(code, -SIGKILL);
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_kill)

static void test_thread_cannot_be_killed(void **state)
{
	struct pp_context *context = context_of(PP_START_THREAD);
	struct pp_process *process = start_act(context, ACT_SLEEP, 100, NULL);

	(void)state;
	assert_int_equal(pp_process_kill(process), -ENOTSUP);
	assert_int_equal(pp_process_terminate(process), -ENOTSUP);
	assert_ok(pp_process_join(process, 5 * SECOND));
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_thread_cannot_be_killed)

PP_TASK(group_with_child)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	(void)call;
	if (write(7, &pid, sizeof(pid)) != sizeof(pid))
		return 1;
	pause();
	return 0;
}

static void check_new_group(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct pp_process *process;
	struct pp_fd_pass pass;
	pid_t grandchild;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	pass = (struct pp_fd_pass){ ends[1], 7 };
	opts.flags = PP_NEW_GROUP | PP_DAEMON;
	opts.fds = &pass;
	opts.n_fds = 1;
	assert_ok(pp_process_start(&process, context, "group_with_child", NULL, 0, &opts));
	close(ends[1]);
	assert_int_equal(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	assert_int_equal(getpgid(pp_process_pid(process)), pp_process_pid(process));
	assert_int_equal(getpgid(grandchild), pp_process_pid(process));
	assert_ok(pp_process_kill(process));
	assert_ok(pp_process_join(process, 5 * SECOND));
	assert_true(all_gone_within(&grandchild, 1, 1000));
	close(ends[0]);
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_new_group)

static void check_surroundings(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct pp_rlimit limit = { RLIMIT_NOFILE, { 123, 123 } };
	char chosen[] = "POOL_TEST=chosen", path[] = "PATH=/usr/bin:/bin";
	char *const env[] = { chosen, path, NULL };
	struct pp_process *process;
	struct pp_result r;

	setenv("POOL_TEST", "the caller's", 1);
	opts.name = "surrounded";
	opts.rlimits = &limit;
	opts.n_rlimits = 1;
	opts.cwd = "/usr";
	if (start == PP_START_SPAWN)
		opts.env = env;
	assert_ok(pp_process_start(&process, context, "surroundings", NULL, 0, &opts));
	assert_string_equal(pp_process_name(process), "surrounded");
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_result(process, &r));
	assert_string_equal(r.data, start == PP_START_SPAWN
					    ? "/usr\nchosen\n123\nsurrounded\n"
					    : "/usr\nthe caller's\n123\nsurrounded\n");
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_surroundings)

PP_TASK(own_cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return pp_call_write(call, &set, sizeof(set));
}

static void check_affinity(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct pp_process *process;
	struct pp_result r;
	cpu_set_t ours, one;
	int cpu = 0;

	sched_getaffinity(0, sizeof(ours), &ours);
	while (!CPU_ISSET(cpu, &ours))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	opts.cpus = &one;
	opts.cpus_size = sizeof(one);
	assert_ok(pp_process_start(&process, context, "own_cpus", NULL, 0, &opts));
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_result(process, &r));
	assert_int_equal(r.len, sizeof(one));
	assert_true(CPU_EQUAL((const cpu_set_t *)r.data, &one));
	pp_process_free(process);
	assert_ok(pp_context_free(context));
}
EACH_START(check_affinity)

static void check_start_errors(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct pp_process *process = (struct pp_process *)1;
	int fds = count_open_fds();

	assert_int_equal(pp_process_start(&process, context, "no_such_task", NULL, 0, NULL),
			 -ENOENT);
	assert_non_null(strstr(pp_last_error(), "no_such_task"));
	if (start != PP_START_THREAD) {
		struct pp_fd_pass closed = { 987, 5 };

		opts.cwd = "/nonexistent/place";
		assert_int_equal(pp_process_start(&process, context, "echo", NULL, 0, &opts),
				 -ENOENT);
		assert_non_null(strstr(pp_last_error(), "/nonexistent/place"));
		opts.cwd = NULL;
		opts.fds = &closed;
		opts.n_fds = 1;
		assert_int_equal(pp_process_start(&process, context, "echo", NULL, 0, &opts),
				 -EBADF);
	}
	assert_ptr_equal(process, (struct pp_process *)1);
	/* The fork server, if one was started, is the context's. */
	assert_ok(pp_context_free(context));
	assert_true(count_open_fds() <= fds);
}
EACH_START(check_start_errors)

static void check_active_children(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process *a = start_act(context, ACT_SLEEP, 300, NULL);
	struct pp_process *b = start_act(context, ACT_ECHO, 0, NULL);
	struct pp_process *list[4] = { NULL };

	assert_ok(pp_process_join(b, 5 * SECOND));
	assert_int_equal(pp_active_children(list, 4), 1);
	assert_ptr_equal(list[0], a);
	assert_int_equal(pp_active_children(NULL, 0), 1);
	assert_ok(pp_process_join(a, 5 * SECOND));
	assert_int_equal(pp_active_children(list, 4), 0);
	pp_process_free(a);
	pp_process_free(b);
	assert_ok(pp_context_free(context));
}
EACH_START(check_active_children)

/* Freed while it lives: a daemon is killed, another goes on. */
static void check_free_while_alive(enum pp_start start)
{
	struct pp_context *context = context_of(start);
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct pp_process *process;
	pid_t pid;

	opts.flags = PP_DAEMON;
	process = start_act(context, ACT_SPIN, 0, &opts);
	pid = pp_process_pid(process);
	pp_process_free(process);
	assert_true(all_gone_within(&pid, 1, 1000));
	process = start_act(context, ACT_SLEEP, 30000, NULL);
	pid = pp_process_pid(process);
	pp_process_free(process);
	assert_false(all_gone_within(&pid, 1, 100));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_free_while_alive)

/* The kernel reaps at once whoever ends: also one that is done before its start has returned. */
static void check_sigchld_ignored(enum pp_start start)
{
	struct pp_context *context;
	struct pp_process *process;
	struct pp_result r;
	int code;

	signal(SIGCHLD, SIG_IGN);
	assert_ok(pp_context_new(&context, start, NULL));
	for (int i = 0; i < 100; i++) {
		assert_ok(pp_process_start(&process, context, "echo", "x", 1, NULL));
		assert_ok(pp_process_join(process, 10 * SECOND));
		if (pp_process_exit_code(process, &code) == 0) /* not before Linux 6.15 */
			assert_int_equal(code, 0);
		assert_ok(pp_process_result(process, &r));
		assert_int_equal(r.outcome, PP_DONE);
		pp_process_free(process);
	}
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_sigchld_ignored)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_START(check_result),
		IN_EACH_START(check_large_result),
		IN_EACH_PROCESS_START(check_exit_codes),
		IN_EACH_START(check_join_timeout_and_sentinel),
		IN_EACH_PROCESS_START(check_grandchild),
		IN_EACH_PROCESS_START(check_kill),
		ISOLATED(test_thread_cannot_be_killed),
		IN_EACH_PROCESS_START(check_new_group),
		IN_EACH_PROCESS_START(check_surroundings),
		IN_EACH_START(check_affinity),
		IN_EACH_START(check_start_errors),
		IN_EACH_START(check_active_children),
		IN_EACH_PROCESS_START(check_free_while_alive),
		IN_EACH_PROCESS_START(check_sigchld_ignored),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
