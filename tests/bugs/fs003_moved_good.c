/* SPDX-License-Identifier: MIT */
/* FS003: a child polls for what its parent does to it: it is moved to another CPU. */
#include "bug.h"

#include <sched.h>

static void *worker(void *unused)
{
	(void)unused;
	sleep_ms(300);
	return NULL;
}

int main(void)
{
	cpu_set_t all, one;
	pthread_t thread;
	pid_t pid;
	int cpu = 0;

	need(sched_getaffinity(0, sizeof(all), &all) == 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	need(pthread_create(&thread, NULL, worker, NULL) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		need(sched_setaffinity(0, sizeof(one), &one) == 0);
		while (sched_getcpu() == cpu && CPU_COUNT(&all) > 1)
			usleep(1000);
		_exit(0);
	}
	sleep_ms(1500);
	CPU_CLR(cpu, &all);
	if (CPU_COUNT(&all))
		need(sched_setaffinity(pid, sizeof(all), &all) == 0);
	end_child(pid, 2500);
	pthread_join(thread, NULL);
	return 0;
}
