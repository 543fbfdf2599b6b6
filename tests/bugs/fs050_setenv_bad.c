/* SPDX-License-Identifier: MIT */
/*
 * FS050: a vfork child sets a variable of the environment for what it execs, and so for its parent.
 * severity: note
 */
#include "bug.h"

int main(void)
{
	pid_t pid = vfork();

	need(pid >= 0);
	if (pid == 0) {
		setenv("FS050", "1", 1);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return getenv("FS050") == NULL;
}
