/* SPDX-License-Identifier: MIT */
/* FS068: the child goes on when exec fails. */
#include "bug.h"

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		execl("/nonexistent/program", "program", (char *)NULL);
	}
	if (pid)
		end_child(pid, 3000);
	return 0;
}
