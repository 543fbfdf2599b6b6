/* SPDX-License-Identifier: MIT */
/*
 * FS004: the handler of SIGCHLD starts the next process, in a program with threads.
 * severity: warning
 */
#include "bug.h"

static volatile sig_atomic_t started;

static void on_child(int sig)
{
	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (started++ < 2 && fork() == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
}

static void *sleeper(void *unused)
{
	(void)unused;
	sleep_ms(5000);
	return NULL;
}

int main(void)
{
	signal(SIGCHLD, on_child);
	start_thread(sleeper);
	sleep_ms(20);
	if (fork() == 0)
		_exit(0);
	sleep_ms(300);
	return 0;
}
