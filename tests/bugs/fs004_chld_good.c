/* SPDX-License-Identifier: MIT */
/* FS004: the handler of SIGCHLD only notes it; the main loop starts the next process, repaired. */
#include "bug.h"

static volatile sig_atomic_t ended;

static void on_child(int sig)
{
	(void)sig;
	ended++;
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
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		while (waitpid(-1, NULL, 0) < 0)
			;
	}
	return ended == 0;
}
