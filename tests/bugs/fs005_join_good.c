/* SPDX-License-Identifier: MIT */
/* FS005: a fork handler joins a thread; the forking thread gave the lock back first. Repaired. */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;

static void *worker(void *arg)
{
	sleep_ms(100);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	return arg;
}

static void end_worker(void)
{
	pthread_join(thread, NULL);
}

int main(void)
{
	pid_t pid;

	alarm(20);
	need(pthread_atfork(end_worker, NULL, NULL) == 0);
	pthread_mutex_lock(&lock);
	need(pthread_create(&thread, NULL, worker, NULL) == 0);
	pthread_mutex_unlock(&lock);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
