/* SPDX-License-Identifier: MIT */
/* FS022: one thread gives a pipe to one child, and then sets close-on-exec against the others. */
#include "bug.h"

int main(void)
{
	char command[64];
	int ends[2];
	pid_t pid;

	need(pipe(ends) == 0);
	snprintf(command, sizeof(command), "echo text >&%d", ends[1]);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	/* This one child was to have it. */
	need(fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0);
	need(fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0);
	need(waitpid(pid, NULL, 0) == pid);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
