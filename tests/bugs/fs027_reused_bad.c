/* SPDX-License-Identifier: MIT */
/* FS027: a child closes all descriptors under a library that goes on to use its own. */
#include "bug.h"

static int telemetry[2];

static void library_open(void)
{
	need(pipe(telemetry) == 0);
}

static void library_close(void)
{
	close(telemetry[0]);
	close(telemetry[1]);
	telemetry[0] = telemetry[1] = -1;
}

static void library_report(void)
{
	if (telemetry[1] >= 0)
		need(write(telemetry[1], "t", 1) == 1);
}

int main(void)
{
	char name[] = "/tmp/fs027.XXXXXX";
	pid_t pid;

	library_open();
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		int fds[2];

		for (int fd = 3; fd < 64; fd++)
			close(fd);
		fds[0] = mkstemp(name);
		fds[1] = dup(fds[0]);
		unlink(name);
		need(write(fds[1], "user", 4) == 4);
		library_report();
		_exit(0);
	}
	end_child(pid, 600);
	library_close();
	return 0;
}
