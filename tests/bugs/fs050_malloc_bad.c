/* SPDX-License-Identifier: MIT */
/* FS050: a vfork child gets memory before its exec. */
#include "bug.h"

int main(void)
{
	char *big = NULL;
	pid_t pid;

	pid = vfork();
	need(pid >= 0);
	if (pid == 0) {
		big = malloc(1 << 20);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 3000);
	free(big);
	return 0;
}
