/* SPDX-License-Identifier: MIT */
/* FS003: a child polls for what a thread of its parent would set, and is moved from CPU to CPU meanwhile. */
#include "bug.h"

#include <sched.h>

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
	cpu_set_t all, one;
	pthread_t thread;
	pid_t pid;

	need(sched_getaffinity(0, sizeof(all), &all) == 0);
	need(pthread_create(&thread, NULL, worker, NULL) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		while (!ready)
			usleep(50000);
		_exit(0);
	}
	for (int i = 0, cpu = 0; i < 50; i++) {
		do
			cpu = (cpu + 1) % CPU_SETSIZE;
		while (!CPU_ISSET(cpu, &all));
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		(void)sched_setaffinity(pid, sizeof(one), &one);
		sleep_ms(52);
	}
	end_child(pid, 0);
	pthread_join(thread, NULL);
	return 0;
}
