/* SPDX-License-Identifier: MIT */
/* FS067: a signal to the number of a child that was reaped before. */
#include "bug.h"

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	need(waitpid(pid, NULL, 0) == pid);
	need(kill(pid, SIGTERM) < 0);
	return 0;
}
