/* SPDX-License-Identifier: MIT */
/* FS061: a program starts with SIGCHLD ignored. */
#include "bug.h"

int main(void)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {

		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	sleep_ms(200);
	return 0;
}
