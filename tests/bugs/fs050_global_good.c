/* SPDX-License-Identifier: MIT */
/* FS050: a fork has variables of its own, repaired. */
#include "bug.h"

static int counter;

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		counter++;
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return counter;
}
