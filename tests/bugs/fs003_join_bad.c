/* SPDX-License-Identifier: MIT */
/* FS003: the child joins a thread of the parent's; libc says that it ended, and what it was to do is not done. */
#include "bug.h"

static void *work(void *arg)
{
	sleep_ms(200);
	return arg;
}

int main(void)
{
	pthread_t worker;
	pid_t child;

	need(pthread_create(&worker, NULL, work, NULL) == 0);
	child = fork();
	need(child >= 0);
	if (child == 0)
		_exit(pthread_join(worker, NULL));
	need(waitpid(child, NULL, 0) == child);
	return pthread_join(worker, NULL);
}
