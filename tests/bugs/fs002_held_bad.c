/* SPDX-License-Identifier: MIT */
/* FS002: a mutex is held by another thread at fork; this child never asks for it. */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *holder(void *arg)
{
	pthread_mutex_lock(&lock);
	sleep_ms(400);
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	pid_t pid;

	start_thread(holder);
	sleep_ms(100);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	end_child(pid, 600);
	return 0;
}
