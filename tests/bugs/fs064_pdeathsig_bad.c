/* SPDX-License-Identifier: MIT */
/* FS064: the thread that forked ends, and the child is killed for it. */
#include "bug.h"

#include <sys/prctl.h>

static pid_t child;

static void *starter(void *arg)
{
	child = fork();
	need(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sleep_ms(500);
		_exit(0);
	}
	sleep_ms(100);

	return arg;
}

int main(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, starter, NULL) == 0);
	pthread_join(thread, NULL);
	sleep_ms(100);
	end_child(child, 3000);
	return 0;
}
