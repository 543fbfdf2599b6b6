/* SPDX-License-Identifier: MIT */
/* FS040: a child that becomes a daemon finds nothing of its parent in stdout by freopen. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void detach(void)
{
	setsid();
	if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout))
		_exit(2);
}

int main(void)
{
	pid_t pid;

	setvbuf(stdout, NULL, _IOFBF, 4096);
	printf("starting\n");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		detach();
		printf("nobody reads this\n");
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("started\n");
	return 0;
}
