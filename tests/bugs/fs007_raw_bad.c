/* SPDX-License-Identifier: MIT */
/* FS007: a threaded process forks by a bare system call, and the child does not exec. */
#include "bug.h"

static void *idle(void *arg)
{
	sleep_ms(500);
	return arg;
}

int main(void)
{
	pid_t pid;

	start_thread(idle);
	sleep_ms(30);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	need(pid >= 0);
	if (pid == 0) {
		volatile int sum = 0;

		for (int i = 0; i < 1000; i++)
			sum += i;
		_exit(sum == 0);
	}
	end_child(pid, 2000);
	return 0;
}
