/* SPDX-License-Identifier: MIT */
/*
 * dup, dup2, dup3, F_DUPFD, CLOEXEC set and cleared later, close_range in its three forms: the
 * table that the next child gets says whether each was understood. And one open file keeps one
 * identity through all.
 */
#include "case.h"

#include <linux/close_range.h>

static int cloexec_count(void)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) == FD_CLOEXEC;
	return n;
}

/* A child by fork and exec; what it must have is what we have. */
static pid_t fork_and_say(void)
{
	int fds = count_fds(), cloexec = cloexec_count();
	char more[160];
	pid_t pid = fork_child();

	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		broken("exec");
	}
	snprintf(more, sizeof(more),
		 "\"at_start\":%d,\"inherited\":%d,\"cloexec\":%d,\"after_exec\":%d", fds, fds,
		 cloexec, fds - cloexec);
	say_child(pid, "fork", "spawn", reap(pid), more);
	return pid;
}

static void say_dup(int from, int to, bool cloexec)
{
	say("{'expect':'event','type':'fd_dup','where':{'pid':%d,'old_fd':%d,'fd':%d,'cloexec':%s},"
	    "'count':1}",
	    getpid(), from, to, cloexec ? "true" : "false");
}

static void say_same(pid_t pid, int fd, int other)
{
	say("{'expect':'held','pid':%d,'fd':%d,'kind':'pipe','same':[%d,%d]}", pid, fd, pid, other);
}

int main(void)
{
	int pipe[2];
	pid_t pid;

	begin();
	make_pipe(pipe);
	check(dup(pipe[0]) >= 0 && dup2(pipe[0], 40) == 40);
	say_dup(pipe[0], 40, false);
	check(dup3(pipe[1], 41, O_CLOEXEC) == 41);
	say_dup(pipe[1], 41, true);
	check(fcntl(pipe[1], F_DUPFD, 42) == 42);
	say_dup(pipe[1], 42, false);
	check(fcntl(40, F_DUPFD_CLOEXEC, 43) == 43);
	say_dup(40, 43, true);
	pid = fork_and_say();
	say_same(pid, 40, 43);
	say_same(pid, pipe[0], 40);
	say_same(pid, 41, 42);
	check(fcntl(42, F_SETFD, FD_CLOEXEC) == 0 && fcntl(41, F_SETFD, 0) == 0);
	say("{'expect':'event','type':'fd_cloexec','where':{'pid':%d,'fd':42,'cloexec':true},'"
	    "count':1}",
	    getpid());
	say("{'expect':'event','type':'fd_cloexec','where':{'pid':%d,'fd':41,'cloexec':false},'"
	    "count':1}",
	    getpid());
	fork_and_say();
	if (close_range(40, 40, 0) < 0) {
		say("{'skip_part':'close_range: %s'}", strerror(errno));
		return 0;
	}
	say("{'expect':'event','type':'fd_close_range','where':{'pid':%d,'first':40,'last':40}}",
	    getpid());
	fork_and_say();
	check(close_range(41, ~0u, CLOSE_RANGE_CLOEXEC) == 0);
	fork_and_say();
	check(close_range(41, 43, CLOSE_RANGE_UNSHARE) == 0);
	fork_and_say();
	return 0;
}
