/* SPDX-License-Identifier: MIT */
/* FS004: a timer's handler says that a helper is due, and the main loop starts it. Repaired. */
#include "bug.h"

static volatile sig_atomic_t due;

static void on_timer(int sig)
{
	(void)sig;
	due = 1;
}

static void *worker(void *arg)
{
	sleep_ms(400);
	return arg;
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3 };
	struct itimerspec every = { { 0, 50000000 }, { 0, 50000000 } };
	struct sigaction action = { .sa_handler = on_timer };
	timer_t timer;

	need(sigaction(SIGRTMIN + 3, &action, NULL) == 0);
	start_thread(worker);
	need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	need(timer_settime(timer, 0, &every, NULL) == 0);
	for (int forks = 0; forks < 3; sleep_ms(10)) {
		pid_t pid;

		if (!due)
			continue;
		due = 0;
		forks++;
		pid = fork();
		need(pid >= 0);
		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return 0;
}
