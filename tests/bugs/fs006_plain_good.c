/* SPDX-License-Identifier: MIT */
/* FS006: the child sets the mutex up anew, repaired. */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	sleep_ms(300);
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	need(pthread_create(&thread, NULL, worker, NULL) == 0);
	sleep_ms(50);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		pthread_mutex_init(&lock, NULL);
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		_exit(0);
	}
	end_child(pid, 2500);
	pthread_join(thread, NULL);
	return 0;
}
