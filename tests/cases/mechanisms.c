/* SPDX-License-Identifier: MIT */
/* Each call that makes a process, told by its name. */
#include "case.h"

#include <linux/sched.h>
#include <sched.h>

static char stack[64 * 1024] __attribute__((aligned(16)));

static int leave(void *code)
{
	child_begin();
	_exit(*(int *)code);
}

static pid_t raw_clone(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static pid_t raw_clone3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	return syscall(SYS_clone3, &args, sizeof(args));
}

static void run(const char *mechanism, pid_t (*call)(void), int code)
{
	char more[64];
	pid_t pid = call();

	check(pid >= 0);
	if (pid == 0)
		leave(&code);
	snprintf(more, sizeof(more), "\"images\":[],\"threads_at_fork\":1");
	say_child(pid, mechanism, "fork", reap(pid), more);
}

int main(void)
{
	int code = 15;
	pid_t pid;

	begin();
	run("fork", fork, 11);
	run("fork", _Fork, 12);
	run("clone", raw_clone, 13);
	run("clone3", raw_clone3, 14);
	pid = clone(leave, stack + sizeof(stack), SIGCHLD, &code);
	check(pid > 0);
	say_child(pid, "clone", "fork", reap(pid), "\"images\":[]");
	/* No exit signal: only a wait with __WALL or __WCLONE sees its end. */
	code = 16;
	pid = clone(leave, stack + sizeof(stack), 0, &code);
	check(pid > 0);
	say_child(pid, "clone", "fork", reap(pid), "\"images\":[]");
	return 0;
}
