/* SPDX-License-Identifier: MIT */
/* FS003: a child asks, by semaphores, a thread that only its parent has. */
#include "bug.h"

static sem_t asked, done;

static void *worker(void *unused)
{
	(void)unused;
	while (sem_wait(&asked) == 0)
		sem_post(&done);
	return NULL;
}

static void ask(void)
{
	sem_post(&asked);
	sem_wait(&done);
}

int main(void)
{
	pid_t pid;

	sem_init(&asked, 0, 0);
	sem_init(&done, 0, 0);
	start_thread(worker);
	ask();
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		ask();
		_exit(0);
	}
	end_child(pid, 1500);
	return 0;
}
