/* SPDX-License-Identifier: MIT */
/* Forks from a signal handler that interrupts forks, until as many as asked for were made; prints how many. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t in_handler;

static void on_alarm(int sig)
{
	int saved = errno, status;
	pid_t pid = _Fork();

	(void)sig;
	if (pid == 0)
		_exit(0);
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		in_handler++;
	errno = saved;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 1500 }, { 0, 1500 } };
	int wanted = argc > 1 ? atoi(argv[1]) : 100, made = 0;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (in_handler < wanted) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0 && waitpid(pid, &status, 0) == pid)
			made++;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	printf("%d\n", made > 0 && in_handler >= wanted);
	return 0;
}
