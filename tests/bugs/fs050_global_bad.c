/* SPDX-License-Identifier: MIT */
/* FS050: a vfork child counts in a variable of its parent's. */
#include "bug.h"

static int counter;

int main(void)
{
	pid_t pid = vfork();

	need(pid >= 0);
	if (pid == 0) {
		counter++;
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return counter;
}
