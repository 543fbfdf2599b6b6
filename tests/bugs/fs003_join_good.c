/* SPDX-License-Identifier: MIT */
/* FS003: the same, and the child starts, and joins, threads of its own; more than can be remembered, too. */
#include "bug.h"

static void *work(void *arg)
{
	sleep_ms(1);
	return arg;
}

int main(void)
{
	pthread_t worker, own[2];
	pid_t child;

	need(pthread_create(&worker, NULL, work, NULL) == 0);
	child = fork();
	need(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 100; i++) {
			need(pthread_create(&own[0], NULL, work, NULL) == 0);
			need(pthread_create(&own[1], NULL, work, NULL) == 0);
			need(pthread_join(own[0], NULL) == 0 && pthread_join(own[1], NULL) == 0);
		}
		_exit(0);
	}
	need(waitpid(child, NULL, 0) == child);
	return pthread_join(worker, NULL);
}
