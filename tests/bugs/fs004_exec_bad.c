/* SPDX-License-Identifier: MIT */
/* FS004: a timer's handler forks and execs a helper while another thread runs. */
#include "bug.h"

static volatile sig_atomic_t forks;

static void on_timer(int sig)
{
	pid_t pid = fork();

	(void)sig;
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	forks++;
}

static void *worker(void *arg)
{
	while (forks < 3)
		sleep_ms(5);
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
	while (forks < 3)
		sleep_ms(20);
	return 0;
}
