/* SPDX-License-Identifier: MIT */
/* FS040: the child throws away what is its parent's before it writes, repaired. */
#include "bug.h"

#include <stdio_ext.h>

int main(void)
{
	pid_t pid;

	setvbuf(stderr, NULL, _IOFBF, 4096);
	fprintf(stderr, "started, ");
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		__fpurge(stderr);
		fprintf(stderr, "child\n");
		fflush(stderr);
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	fprintf(stderr, "parent\n");
	return 0;
}
