/* SPDX-License-Identifier: MIT */
/* FS024: a daemon locks its pid file and then goes to the background, where it has no lock. */
#include "bug.h"

int main(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	char path[] = "/tmp/forkscope-bug-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	need(fd >= 0);
	need(fcntl(fd, F_SETLK, &lock) == 0);
	if (fork() != 0)
		_exit(0);
	setsid();
	sleep_ms(50);
	dprintf(fd, "%d\n", getpid());
	sleep_ms(300);
	unlink(path);
	return 0;
}
