/* SPDX-License-Identifier: MIT */
/* FS064: a helper dies with the thread that started it; the program waits for it and ends. */
#include <sys/prctl.h>

#include "bug.h"

static pid_t helper;

static void *spawner(void *arg)
{
	helper = fork();
	need(helper >= 0);
	if (helper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl("/bin/sleep", "sleep", "0.5", (char *)NULL);
		_exit(127);
	}
	sleep_ms(100);
	return arg;
}

int main(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, spawner, NULL) == 0);
	need(pthread_join(thread, NULL) == 0);
	need(waitpid(helper, NULL, 0) == helper);
	return 0;
}
