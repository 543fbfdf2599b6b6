/* SPDX-License-Identifier: MIT */
/* FS001: a mutex is held by another thread at fork. Repaired. */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *holder(void *arg)
{
	pthread_mutex_lock(&lock);
	sleep_ms(600);
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		_exit(0);
	}
	start_thread(holder);
	end_child(pid, 2000);
	sleep_ms(700);
	return 0;
}
