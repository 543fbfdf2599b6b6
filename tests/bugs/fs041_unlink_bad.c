/* SPDX-License-Identifier: MIT */
/* FS041: a child runs the exit handler that removes its parent's file. */
#include "bug.h"

static char name[] = "/tmp/fs041.XXXXXX";

static void clean_up(void)
{
	unlink(name);
}

int main(void)
{
	pid_t pid;
	int fd = mkstemp(name);

	need(fd >= 0);
	close(fd);
	atexit(clean_up);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		exit(0);
	end_child(pid, 600);
	return 0;
}
