/* SPDX-License-Identifier: MIT */
/* FS062: Each waits for its own. */
#include "bug.h"

static void *reaper(void *arg)
{
	for (int i = 0; i < 30; i++) {
		waitpid(getpid(), NULL, WNOHANG);
		sleep_ms(10);
	}
	return arg;
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	need(pthread_create(&thread, NULL, reaper, NULL) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	sleep_ms(150);
	waitpid(pid, NULL, 0);
	pthread_join(thread, NULL);
	return 0;
}
