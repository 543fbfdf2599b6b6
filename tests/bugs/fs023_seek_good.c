/* SPDX-License-Identifier: MIT */
/* FS023: both write by pwrite, which needs no common place, repaired. */
#include "bug.h"

static void write_at(int fd, off_t at, char c)
{
	for (int i = 0; i < 20; i++) {
		need(pwrite(fd, &c, 1, at) == 1);
		sleep_ms(3);
	}
}

int main(void)
{
	char name[] = "/tmp/fs023.XXXXXX";
	int fd = mkstemp(name);
	pid_t pid;

	need(fd >= 0);
	unlink(name);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	pid = fork();
	need(pid >= 0);
	write_at(fd, pid ? 0 : 4096, pid ? 'p' : 'c');
	if (pid == 0)
		_exit(0);
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
