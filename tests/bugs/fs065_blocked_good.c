/* SPDX-License-Identifier: MIT */
/* FS065: Unblocked before exec. */
#include "bug.h"

int main(void)
{
	sigset_t set, old;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 3000);
	return 0;
}
