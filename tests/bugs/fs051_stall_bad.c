/* SPDX-License-Identifier: MIT */
/*
 * FS051: a vfork child sleeps before its exec.
 * also: FS050
 */
#include "bug.h"

int main(void)
{
	pid_t pid = vfork();

	need(pid >= 0);
	if (pid == 0) {
		usleep(400000);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 3000);
	return 0;
}
