/* SPDX-License-Identifier: MIT */
/* FS003: a child naps until a second has passed by the clock, or a signal came. */
#include "bug.h"

static volatile sig_atomic_t rung;

static void on_alarm(int sig)
{
	(void)sig;
	rung = 1;
}

static void *sleeper(void *unused)
{
	(void)unused;
	sleep_ms(5000);
	return NULL;
}

int main(void)
{
	pid_t pid;

	start_thread(sleeper);
	sleep_ms(20);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		time_t end = time(NULL) + 2;

		while (time(NULL) < end)
			usleep(1000);
		signal(SIGALRM, on_alarm);
		alarm(2);
		while (!rung)
			usleep(1000);
		for (int i = 0; i < 900; i++)
			usleep(1000);
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
