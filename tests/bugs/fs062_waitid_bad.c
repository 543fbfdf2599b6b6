/* SPDX-License-Identifier: MIT */
/* FS062: a thread that reaps whatever ends, by waitid, takes the status another part waits for. */
#include "bug.h"

static void *reaper(void *arg)
{
	siginfo_t info;

	(void)waitid(P_ALL, 0, &info, WEXITED);
	return arg;
}

int main(void)
{
	pid_t pid = fork();
	int status;

	need(pid >= 0);
	if (pid == 0) {
		sleep_ms(100);
		_exit(3);
	}
	start_thread(reaper);
	sleep_ms(300);
	return waitpid(pid, &status, 0) == pid;
}
