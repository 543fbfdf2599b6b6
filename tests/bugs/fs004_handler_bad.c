/* SPDX-License-Identifier: MIT */
/* FS004: a signal handler forks in a program with threads. */
#include "bug.h"

static volatile sig_atomic_t due;

static void make_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void handler(int sig)
{
	(void)sig;
	make_child();
}

static void *idle(void *arg)
{
	sleep_ms(1500);
	return arg;
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	start_thread(idle);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGALRM, handler);
	for (int i = 0; i < 3; i++) {
		ualarm(20000, 0);
		sleep_ms(60);
		if (due)
			make_child();
		due = 0;
	}
	return 0;
}
