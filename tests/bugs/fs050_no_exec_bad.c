/* SPDX-License-Identifier: MIT */
/* FS050: a vfork child does the work in its parent's memory. */
#include "bug.h"

static volatile int counter;

int main(void)
{
	pid_t pid = vfork();

	need(pid >= 0);
	if (pid == 0) {
		counter++;
		_exit(0);
	}
	end_child(pid, 3000);
	return 0;
}
