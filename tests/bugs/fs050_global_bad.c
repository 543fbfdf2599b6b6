/* SPDX-License-Identifier: MIT */
/* FS050: a vfork child counts in a variable of its parent's, and ends. */
#include "bug.h"

static int counter;

int main(void)
{
	pid_t pid = vfork();

	need(pid >= 0);
	if (pid == 0) {
		counter++;
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return counter;
}
