/* SPDX-License-Identifier: MIT */
/*
 * A static program: no library to preload into, and the kernel tells the same.
 * build: -static
 */
#include "case.h"

int main(void)
{
	pid_t pid;

	begin();
	pid = fork_child();
	if (pid == 0)
		_exit(81);
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 82", NULL);
		_exit(1);
	}
	check(pid > 0);
	say_child(pid, "vfork", "spawn", reap(pid),
		  "\"images\":[\"/bin/sh\"],\"argv\":[\"sh\",\"-c\",\"exit 82\"]");
	return 0;
}
