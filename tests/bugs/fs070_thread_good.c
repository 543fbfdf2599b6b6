/* SPDX-License-Identifier: MIT */
/* FS070: the child leaves with a status of its own. */
#include "bug.h"

static void *starter(void *arg)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0)
		_exit(3);
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
