/* SPDX-License-Identifier: MIT */
/* The parent keeps its end while it waits, but lets go of it in a signal handler: a life line. */
#include "bug.h"

static int data[2];

static void let_go(int sig)
{
	(void)sig;
	close(data[1]);
}

int main(void)
{
	struct sigaction action = { .sa_handler = let_go, .sa_flags = SA_RESTART };
	pid_t reader;
	char c;

	need(pipe2(data, O_CLOEXEC) == 0);
	need(sigaction(SIGALRM, &action, NULL) == 0);
	reader = fork();
	need(reader >= 0);
	if (reader == 0) {
		close(data[1]);
		while (read(data[0], &c, 1) > 0)
			;
		_exit(0);
	}
	close(data[0]);
	need(write(data[1], "x", 1) == 1);
	alarm(2);
	need(waitpid(reader, NULL, 0) == reader);
	return 0;
}
