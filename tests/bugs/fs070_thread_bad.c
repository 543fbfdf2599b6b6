/* SPDX-License-Identifier: MIT */
/* FS070: the child returns from the thread function of the thread that forked it. */
#include "bug.h"

static void *starter(void *arg)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0)
		return arg;
	end_child(pid, 3000);
	return arg;
}

int main(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, starter, NULL) == 0);
	pthread_join(thread, NULL);
	return 0;
}
