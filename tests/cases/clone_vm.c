/* SPDX-License-Identifier: MIT */
/*
 * CLONE_VM without CLONE_THREAD: two processes, one memory; CLONE_FS and CLONE_SIGHAND beside it.
 */
#include "case.h"

#include <sched.h>

static char stack[64 * 1024] __attribute__((aligned(16)));
static volatile int seen;

static int write_memory(void *arg)
{
	seen = *(int *)arg;
	syscall(SYS_exit_group, seen); /* not exit(): stdio and handlers are the other's */
	return 0;
}

int main(void)
{
	static const int flags[] = { CLONE_VM, CLONE_VM | CLONE_FS, CLONE_VM | CLONE_SIGHAND };

	begin();
	for (int i = 0; i < 3; i++) {
		int code = 31 + i, status;
		pid_t pid = clone(write_memory, stack + sizeof(stack), flags[i] | SIGCHLD, &code);

		check(pid > 0);
		status = reap(pid);
		check(seen == code);
		say_child(pid, "clone", "fork", status, "\"images\":[],\"threads\":1");
	}
	return 0;
}
