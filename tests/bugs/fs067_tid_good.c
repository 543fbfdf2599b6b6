/* SPDX-License-Identifier: MIT */
/* FS067: the child forgets the number, repaired. */
#include "bug.h"

static __thread pid_t cached;

static pid_t own_tid(void)
{
	if (!cached)
		cached = (pid_t)syscall(SYS_gettid);
	return cached;
}

static void forget(void)
{
	cached = 0;
}

int main(void)
{
	pid_t pid;

	need(pthread_atfork(NULL, NULL, forget) == 0);
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
