/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/bugs share. NAME_bad.c shows one hazard for real, NAME_good.c is the same program
 * repaired. A program that hangs is ended by its own parent or by forkscope; an alarm is the last resort.
 */
#ifndef TESTS_BUGS_BUG_H
#define TESTS_BUGS_BUG_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline void need(bool ok)
{
	if (!ok) {
		perror("broken test program");
		_exit(99);
	}
}

static inline void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static inline void start_thread(void *(*fn)(void *))
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, fn, NULL) == 0);
	need(pthread_detach(thread) == 0);
}

/* Waits for a child; one that does not end within the time is killed. */
static inline int end_child(pid_t pid, long ms)
{
	int status = 0;

	for (long t = 0; t < ms; t += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sleep_ms(10);
	}
	kill(pid, SIGKILL);
	need(waitpid(pid, &status, 0) == pid);
	return status;
}

#endif
