/* SPDX-License-Identifier: MIT */
/* FS022: At birth. */
#include "bug.h"

static void *opens(void *arg)
{
	for (int i = 0; i < 8; i++) {
		int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

		need(fd >= 0);
		sleep_ms(10);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		sleep_ms(5);
		close(fd);
	}
	return arg;
}

int main(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, opens, NULL) == 0);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		need(pid >= 0);
		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		end_child(pid, 3000);
	}
	pthread_join(thread, NULL);
	return 0;
}
