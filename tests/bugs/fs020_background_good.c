/* SPDX-License-Identifier: MIT */
/* FS020: what is left in the background has another stdout. Repaired. */
#include "bug.h"

int main(void)
{
	char text[64];
	int ends[2];
	pid_t pid;

	need(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", "echo started; sleep 1 > /dev/null & exit 0",
		      (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	while (read(ends[0], text, sizeof(text)) > 0)
		;
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
