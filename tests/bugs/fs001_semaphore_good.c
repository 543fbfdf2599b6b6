/* SPDX-License-Identifier: MIT */
/* FS001: a semaphore used as a lock is taken at fork. Repaired. */
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
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		sem_wait(&lock);
		sem_post(&lock);
		_exit(0);
	}
	start_thread(holder);
	end_child(pid, 2000);
	sleep_ms(700);
	return 0;
}
