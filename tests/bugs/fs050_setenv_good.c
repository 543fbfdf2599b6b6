/* SPDX-License-Identifier: MIT */
/* FS050: the environment of what is exec'ed is made before the vfork, repaired. */
#include "bug.h"

int main(void)
{
	char name[] = "true", variable[] = "FS050=1";
	char *const args[] = { name, NULL }, *const env[] = { variable, NULL };
	pid_t pid = vfork();

	need(pid >= 0);
	if (pid == 0) {
		execve("/bin/true", args, env);
		_exit(127);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return getenv("FS050") != NULL;
}
