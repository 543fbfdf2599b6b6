/* SPDX-License-Identifier: MIT */
/* FS071: the death of a worker ends the pool. */
#include "bug.h"

static pid_t start(int dies)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		sleep_ms(50);
		if (dies)
			raise(SIGKILL);
		_exit(0);
	}
	return pid;
}

int main(void)
{
	pid_t pid = start(1);

	need(waitpid(pid, NULL, 0) == pid);

	return 0;
}
