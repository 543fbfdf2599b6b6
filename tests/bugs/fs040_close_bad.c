/* SPDX-License-Identifier: MIT */
/* FS040: a child closes a log in which its parent had something unwritten, and execs. */
#include "bug.h"

int main(void)
{
	char name[] = "/tmp/fs040.XXXXXX";
	int fd = mkstemp(name);
	FILE *log = fdopen(fd, "w");
	pid_t pid;

	need(log != NULL);
	unlink(name);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fprintf(log, "one line of a log\n");
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		fclose(log);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	fclose(log);
	return 0;
}
