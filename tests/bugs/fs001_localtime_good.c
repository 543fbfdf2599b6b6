/* SPDX-License-Identifier: MIT */
/* FS001: threads are inside localtime_r at fork, whose lock in libc nobody releases in the child. Repaired. */
#include <stdatomic.h>

#include "bug.h"

static atomic_bool stop;

static void *loops(void *arg)
{
	time_t t = 0;
	struct tm tm;

	while (!stop)
		localtime_r(&t, &tm);
	return arg;
}

int main(void)
{
	setenv("TZ", "Europe/Berlin", 1);
	for (int i = 0; i < 3; i++)
		start_thread(loops);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		need(pid >= 0);
		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		end_child(pid, 5000);
	}
	stop = true;
	sleep_ms(20);
	return 0;
}
