/* SPDX-License-Identifier: MIT */
/* FS040: bytes that were not yet written at the fork are written by the child too. */
#include "bug.h"

int main(void)
{
	char name[] = "/tmp/fs040.XXXXXX";
	int fd = mkstemp(name);
	FILE *log = fdopen(fd, "w");
	pid_t pid;

	need(log != NULL);
	unlink(name);
	fprintf(log, "one line of a log\n");
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		exit(0);
	end_child(pid, 600);
	fclose(log);
	return 0;
}
