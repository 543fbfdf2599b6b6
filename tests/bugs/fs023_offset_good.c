/* SPDX-License-Identifier: MIT */
/* Parent and child write one log by turns, through one open file: its offset is meant to be one. */
#include "bug.h"

static void write_on(int fd)
{
	for (int i = 0; i < 10; i++, sleep_ms(10))
		need(write(fd, "line\n", 5) == 5);
}

int main(void)
{
	char name[] = "/tmp/fs023.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);
	pid_t pid;

	need(fd >= 0 && unlink(name) == 0);
	pid = fork();
	need(pid >= 0);
	write_on(fd);
	if (pid == 0)
		_exit(0);
	end_child(pid, 600);
	return 0;
}
