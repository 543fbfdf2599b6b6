/* SPDX-License-Identifier: MIT */
/* FS001: a semaphore used as a lock is taken at fork. */
#include "bug.h"

static sem_t lock;

__attribute__((constructor)) static void make_lock(void)
{
	sem_init(&lock, 0, 1);
}

static void *holder(void *arg)
{
	sem_wait(&lock);
	sleep_ms(600);
	sem_post(&lock);
	return arg;
}

int main(void)
{
	pid_t pid;

	start_thread(holder);
	sleep_ms(100);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		sem_wait(&lock);
		_exit(0);
	}
	end_child(pid, 600);
	return 0;
}
