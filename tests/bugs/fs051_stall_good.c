/* SPDX-License-Identifier: MIT */
/* FS051: By fork. */
#include "bug.h"

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		usleep(400000);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 3000);
	return 0;
}
