/* SPDX-License-Identifier: MIT */
/* FS066: Blocked until the handlers are gone. */
#include "bug.h"

static void handler(int sig)
{
	(void)sig;
}

int main(void)
{
	sigset_t set;
	pid_t pid;

	signal(SIGUSR1, handler);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		sleep_ms(150);
		signal(SIGUSR1, SIG_IGN);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		signal(SIGUSR1, SIG_DFL);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	sleep_ms(50);
	kill(pid, SIGUSR1);
	end_child(pid, 3000);
	return 0;
}
