/* SPDX-License-Identifier: MIT */
/* FS067: the question whether anybody has a number is no signal. */
#include "bug.h"

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	need(kill(pid, SIGTERM) == 0);
	need(waitpid(pid, NULL, 0) == pid);
	need(kill(pid, 0) < 0);
	return 0;
}
