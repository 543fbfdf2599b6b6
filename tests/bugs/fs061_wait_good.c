/* SPDX-License-Identifier: MIT */
/* FS061: Not ignored. */
#include "bug.h"

int main(void)
{
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	sleep_ms(100);
	if (waitpid(pid, NULL, 0) < 0)
		return 1;
	return 0;
}
