/* SPDX-License-Identifier: MIT */
/* FS066: a handler of the parent runs in the child before its exec. */
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

	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		sleep_ms(150);

		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	sleep_ms(50);
	kill(pid, SIGUSR1);
	end_child(pid, 3000);
	return 0;
}
