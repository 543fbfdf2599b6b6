/* SPDX-License-Identifier: MIT */
/* FS041: a child's exit() runs the program's destructor, which removes the parent's file. */
#include "bug.h"

static char name[] = "/tmp/fs041.XXXXXX";

static void __attribute__((destructor)) clean_up(void)
{
	unlink(name);
}

int main(void)
{
	int fd = mkostemp(name, O_CLOEXEC);
	pid_t pid;

	need(fd >= 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		exit(0);
	end_child(pid, 600);
	return 0;
}
