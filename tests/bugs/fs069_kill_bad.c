/* SPDX-License-Identifier: MIT */
/* FS069: the result of a failed fork is used as a pid. */
#include "bug.h"

#include <sys/resource.h>

int main(void)
{
	struct rlimit none = { 0, 0 };
	pid_t pid;

	/* Not even root may fork, once it is nobody; signal 0 harms no one. */
	need(setrlimit(RLIMIT_NPROC, &none) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	pid = fork();
	if (pid == 0)
		_exit(0);
	kill(pid, 0);
	return 0;
}
