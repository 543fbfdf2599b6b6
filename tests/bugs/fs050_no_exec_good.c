/* SPDX-License-Identifier: MIT */
/* FS050: By fork. */
#include "bug.h"

static volatile int counter;

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		counter++;
		_exit(0);
	}
	end_child(pid, 3000);
	return 0;
}
