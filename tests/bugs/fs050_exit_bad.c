/* SPDX-License-Identifier: MIT */
/* FS050: a vfork child whose exec failed calls exit(), and so the parent's handlers. */
#include "bug.h"

static void goodbye(void)
{
	static const char text[] = "handler\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

int main(void)
{
	pid_t pid;

	need(atexit(goodbye) == 0);
	pid = vfork();
	if (pid == 0) {
		execl("/nonexistent/program", "program", (char *)NULL);
		exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
