/* SPDX-License-Identifier: MIT */
/* FS021: a helper that knows nothing of it gets both ends of a pipe. */
#include "bug.h"

#include <spawn.h>

extern char **environ;

int main(void)
{
	char *argv[] = { (char *)"true", NULL };
	int ends[2];
	pid_t pid;

	need(pipe2(ends, 0) == 0);
	need(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0);
	end_child(pid, 3000);
	return 0;
}
