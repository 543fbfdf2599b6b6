/* SPDX-License-Identifier: MIT */
/* FS003: the child starts the thread that it polls for, repaired. */
#include "bug.h"

static volatile bool ready;

static void *worker(void *unused)
{
	(void)unused;
	sleep_ms(300);
	ready = true;
	return NULL;
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	need(pthread_create(&thread, NULL, worker, NULL) == 0);
	pthread_join(thread, NULL);
	ready = false;
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		need(pthread_create(&thread, NULL, worker, NULL) == 0);
		while (!ready)
			usleep(1000);
		_exit(0);
	}
	end_child(pid, 2500);
	return 0;
}
