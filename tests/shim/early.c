/* SPDX-License-Identifier: MIT */
/*
 * build: -shared -fPIC
 *
 * A library whose constructor forks, before that of the shim when it stands behind it in LD_PRELOAD.
 */
#include <sys/wait.h>
#include <unistd.h>

__attribute__((constructor)) static void on_load(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}
