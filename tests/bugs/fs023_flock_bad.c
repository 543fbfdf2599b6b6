/* SPDX-License-Identifier: MIT */
/* FS023: a child unlocks the file that its parent has locked by flock, and goes on to count on. */
#include "bug.h"

#include <sys/file.h>

int main(void)
{
	char name[] = "/tmp/fs023.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);
	pid_t pid;

	need(fd >= 0 && unlink(name) == 0);
	need(flock(fd, LOCK_EX) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		need(flock(fd, LOCK_UN) == 0);
		_exit(0);
	}
	end_child(pid, 600);
	need(write(fd, "x", 1) == 1);
	need(flock(fd, LOCK_UN) == 0);
	return 0;
}
