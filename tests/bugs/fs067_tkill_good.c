/* SPDX-License-Identifier: MIT */
/*
 * FS067: a forked child signals itself by the thread number that it has.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t tid;

static void handler(int signal)
{
	(void)signal;
}

int main(void)
{
	pid_t pid;

	signal(SIGUSR1, handler);
	tid = gettid();
	pid = fork();
	if (pid == 0) {
		tid = gettid();
		syscall(SYS_tkill, tid, SIGUSR1);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0)
		;
	return 0;
}
