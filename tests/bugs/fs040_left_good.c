/* SPDX-License-Identifier: MIT */
/* FS040: who has written nothing yet leaves all to its child, and ends by _exit. */
#include "bug.h"

int main(void)
{
	pid_t pid;

	setvbuf(stderr, NULL, _IOFBF, 4096);
	fprintf(stderr, "started\n");
	pid = fork();
	need(pid >= 0);
	if (pid > 0)
		_exit(0);
	exit(0);
}
