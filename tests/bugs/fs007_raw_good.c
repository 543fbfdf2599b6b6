/* SPDX-License-Identifier: MIT */
/* FS007: By libc. */
#include "bug.h"

static void *idle(void *arg)
{
	sleep_ms(500);
	return arg;
}

int main(void)
{
	pid_t pid;

	start_thread(idle);
	sleep_ms(30);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		volatile int sum = 0;

		for (int i = 0; i < 1000; i++)
			sum += i;
		_exit(sum == 0);
	}
	end_child(pid, 2000);
	return 0;
}
