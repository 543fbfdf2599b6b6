/* SPDX-License-Identifier: MIT */
/* FS001, a false friend: a forked child of a threaded program parks on a semaphore until a signal ends its wait. */
#include "bug.h"

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void *idle(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_term };
	sem_t never;
	pid_t pid;

	start_thread(idle);
	sleep_ms(50);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		sigaction(SIGTERM, &action, NULL);
		sem_init(&never, 0, 0);
		while (!stop)
			sem_wait(&never);
		_exit(0);
	}
	sleep_ms(700);
	kill(pid, SIGTERM);
	end_child(pid, 600);
	return 0;
}
