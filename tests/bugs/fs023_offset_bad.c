/* SPDX-License-Identifier: MIT */
/* FS023: parent and child read one file, opened to be written, too: each gets a part of it. */
#include "bug.h"

static void read_on(int fd)
{
	char c;

	for (int i = 0; i < 10; i++, sleep_ms(10))
		need(read(fd, &c, 1) == 1);
}

int main(void)
{
	char name[] = "/tmp/fs023.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);
	pid_t pid;

	need(fd >= 0 && unlink(name) == 0);
	need(write(fd, "0123456789012345678901234567890123456789", 40) == 40);
	need(lseek(fd, 0, SEEK_SET) == 0);
	pid = fork();
	need(pid >= 0);
	read_on(fd);
	if (pid == 0)
		_exit(0);
	end_child(pid, 600);
	return 0;
}
