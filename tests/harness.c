/* SPDX-License-Identifier: MIT */
/* See harness.h. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_SKIP = 77, EXIT_CHILD_CHECK = 99, EXIT_LEFT_CHILD = 101, EXIT_LEFT_FD };

int count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

void skip_isolated(void)
{
	_exit(EXIT_SKIP);
}

void child_check_at(bool ok, const char *text, const char *file, int line)
{
	if (ok)
		return;
	dprintf(2, "# child check failed: %s (%s:%d, errno %d)\n", text, file, line, errno);
	_exit(EXIT_CHILD_CHECK);
}

void assert_child_ok_at(pid_t pid, const char *file, int line)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	_assert_int_equal(pid, got, file, line);
	_assert_int_equal(0, status, file, line);
}

static int test_seconds(void)
{
	const char *text = getenv("FORKSCOPE_TEST_SECONDS");
	int seconds = text ? atoi(text) : 0;

	return seconds > 0 ? seconds : TEST_SECONDS;
}

/*
 * CMOCKA_TEST_ABORT makes a failed assert here abort() instead of jumping back into the copied test
 * runner, which would then run the remaining tests a second time.
 */
static void run_in_child(test_function test)
{
	int fds;
	void *state = NULL;

	setpgid(0, 0);
	signal(SIGALRM, SIG_DFL);
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	/* What the runner's own caller left open would hide a test's limits and leaks from it. */
	(void)close_range(3, ~0u, 0);
	fds = count_open_fds();
	test(&state);
	fflush(NULL);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
		dprintf(2, "# the test left a child behind\n");
		_exit(EXIT_LEFT_CHILD);
	}
	if (count_open_fds() != fds) {
		dprintf(2, "# the test left fds behind: %d before, %d after\n", fds,
			count_open_fds());
		_exit(EXIT_LEFT_FD);
	}
	_exit(EXIT_OK);
}

void run_isolated(void **state, const char *name, test_function test)
{
	struct timespec tick = { 0, 2 * 1000 * 1000 };
	long ticks_left = test_seconds() * 500L;
	int status = 0;
	pid_t pid, got;

	(void)state;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_in_child(test);
	while ((got = waitpid(pid, &status, WNOHANG)) == 0 && ticks_left-- > 0)
		nanosleep(&tick, NULL);
	if (got == 0) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		fail_msg("%s: no end within %d s", name, test_seconds());
	}
	kill(-pid, SIGKILL); /* whatever of its group is left after a failure */
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		skip();
	if (status != 0)
		fail_msg("%s: %s %d", name, WIFSIGNALED(status) ? "died of signal" : "exit status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
