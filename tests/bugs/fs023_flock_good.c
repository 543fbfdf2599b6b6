/* SPDX-License-Identifier: MIT */
/* The lock is handed over: the child unlocks it, and the parent never does. Then the child locks by an open file of its own. */
#include "bug.h"

#include <sys/file.h>

int main(void)
{
	char name[] = "/tmp/fs023.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC), own;
	pid_t pid;

	need(fd >= 0);
	need(flock(fd, LOCK_EX) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		need(flock(fd, LOCK_UN) == 0);
		own = open(name, O_RDWR | O_CLOEXEC);
		need(own >= 0 && flock(own, LOCK_EX) == 0 && flock(own, LOCK_UN) == 0);
		_exit(0);
	}
	end_child(pid, 600);
	need(unlink(name) == 0);
	return 0;
}
