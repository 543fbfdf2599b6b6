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
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return counter;
}
