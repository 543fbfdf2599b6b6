/* SPDX-License-Identifier: MIT */
/* FS024: a daemon's lock stays with the open file. Repaired. */
#include "bug.h"

int main(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	char path[] = "/tmp/forkscope-bug-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	need(fd >= 0);
	need(fcntl(fd, F_OFD_SETLK, &lock) == 0);
	if (fork() != 0)
		_exit(0);
	setsid();
	sleep_ms(50);
	dprintf(fd, "%d\n", getpid());
	sleep_ms(300);
	unlink(path);
	return 0;
}
