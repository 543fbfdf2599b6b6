/* SPDX-License-Identifier: MIT */
/*
 * Every way to wait: WNOHANG, WUNTRACED, waitid with WNOWAIT, with no infop, on a pidfd, wait4 for
 * any. Only a wait that takes the child away reaps it.
 */
#include "case.h"

#include <linux/wait.h>
#include <sys/resource.h>

static pid_t start(int code, int ms)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		sleep_ms(ms);
		_exit(code);
	}
	return pid;
}

static void poll_until_gone(void)
{
	pid_t pid = start(91, 30), got;
	int status, empty = 0;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
		empty++;
		sleep_ms(5);
	}
	check(got == pid && empty > 0);
	say_child(pid, "fork", "fork", status, "\"reaps\":1");
}

static void stop_and_continue(void)
{
	pid_t pid = start(92, 60);
	int status;

	check(kill(pid, SIGSTOP) == 0);
	check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	check(kill(pid, SIGCONT) == 0);
	check(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
}

static void look_then_take(void)
{
	pid_t pid = start(93, 0);
	siginfo_t info;

	check(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid);
	sleep_ms(80);
	check(waitid(P_PID, pid, &info, WEXITED) == 0 && info.si_pid == pid);
	say_child(pid, "fork", "fork", W_EXITCODE(info.si_status, 0), "\"min_zombie_ms\":80");
}

static void no_infop(void)
{
	pid_t pid = start(94, 0);

	check(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL) == 0);
	say_child(pid, "fork", "fork", W_EXITCODE(94, 0), "\"reaps\":1");
}

static void by_pidfd(void)
{
	pid_t pid = start(95, 0);
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0) {
		say("{'skip_part':'pidfd_open: %s'}", strerror(errno));
		reap(pid);
		return;
	}
	check(syscall(SYS_waitid, P_PIDFD, pidfd, NULL, WEXITED, NULL) == 0);
	close(pidfd);
	say_child(pid, "fork", "fork", W_EXITCODE(95, 0), "\"reaps\":1");
}

static void any_with_usage(void)
{
	pid_t pid = start(96, 0);
	struct rusage usage;
	int status;

	check(wait4(-1, &status, 0, &usage) == pid);
	say_child(pid, "fork", "fork", status, "\"reaps\":1");
}

int main(void)
{
	begin();
	poll_until_gone();
	stop_and_continue();
	look_then_take();
	no_infop();
	by_pidfd();
	any_with_usage();
	return 0;
}
