/* SPDX-License-Identifier: MIT */
/* FS067: a child signals its own thread by the number that this has in the parent. */
#include "bug.h"

static __thread pid_t cached;

static pid_t own_tid(void)
{
	if (!cached)
		cached = (pid_t)syscall(SYS_gettid);
	return cached;
}

int main(void)
{
	pid_t pid;

	signal(SIGUSR1, SIG_IGN);
	(void)own_tid();
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		(void)!syscall(SYS_tgkill, getpid(), own_tid(), SIGUSR1);
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
