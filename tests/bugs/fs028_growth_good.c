/* SPDX-License-Identifier: MIT */
/* FS028: Closed. */
#include "bug.h"

int main(void)
{
	for (int i = 0; i < 8; i++) {
		int ends[2];
		pid_t pid;

		need(pipe2(ends, O_CLOEXEC) == 0);
		pid = fork();
		need(pid >= 0);
		if (pid == 0)
			_exit(0);
		close(ends[1]);
		end_child(pid, 3000);
		close(ends[0]);
	}
	return 0;
}
