/* SPDX-License-Identifier: MIT */
/* FS024: Another file is closed. */
#include "bug.h"

int main(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	char path[] = "/tmp/forkscope-bug-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), other;

	need(fd >= 0);
	need(fcntl(fd, F_SETLK, &lock) == 0);
	other = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	need(other >= 0);
	close(other);
	need(write(fd, "x", 1) == 1);
	lock.l_type = F_UNLCK;
	need(fcntl(fd, F_SETLK, &lock) == 0);
	unlink(path);
	return 0;
}
