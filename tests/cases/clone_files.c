/* SPDX-License-Identifier: MIT */
/*
 * CLONE_FILES: one table for two processes, until unshare(CLONE_FILES) or an exec parts them. What
 * one opened before that, the children of both inherit; what it opened later, only its own.
 */
#include "case.h"

#include <sched.h>

static char stack[256 * 1024] __attribute__((aligned(16)));
static int go[2], done[2];

static void fork_and_say(void)
{
	char more[96];
	int fds = count_fds();
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(0);
	snprintf(more, sizeof(more), "\"at_start\":%d,\"inherited\":%d", fds, fds);
	say_child(pid, "fork", "fork", reap(pid), more);
}

static int sharer(void *arg)
{
	int fd;

	(void)arg;
	child_begin();
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	check(fd >= 0);
	send_int(done[1], fd);
	receive_int(go[0]);
	fork_and_say();
	check(unshare(CLONE_FILES) == 0);
	say("{'expect':'event','type':'fd_unshare','where':{'pid':%d},'count':1}", getpid());
	check(open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0);
	check(open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0);
	fork_and_say();
	send_int(done[1], 0);
	receive_int(go[0]);
	execl("/bin/sh", "sh", "-c", "exit 4", NULL);
	return 1;
}

int main(void)
{
	pid_t pid;
	int fd;

	begin();
	make_pipe(go);
	make_pipe(done);
	pid = clone(sharer, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	check(pid > 0);
	fd = receive_int(done[0]);
	check(fcntl(fd, F_GETFD) == FD_CLOEXEC); /* it is open here too */
	fork_and_say();
	send_int(go[1], 0);
	receive_int(done[0]);
	fork_and_say();
	send_int(go[1], 0);
	say_child(pid, "clone", "spawn", reap(pid), "\"images\":[\"/bin/sh\"]");
	return 0;
}
