/* SPDX-License-Identifier: MIT */
/* FS040: a child flushes what its parent had not written yet, and ends by _exit. */
#include "bug.h"

int main(void)
{
	pid_t pid;

	setvbuf(stderr, NULL, _IOFBF, 4096);
	fprintf(stderr, "started, ");
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		fprintf(stderr, "child\n");
		fflush(stderr);
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	fprintf(stderr, "parent\n");
	return 0;
}
