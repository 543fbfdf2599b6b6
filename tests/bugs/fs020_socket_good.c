/* SPDX-License-Identifier: MIT */
/* FS020: the same, and the child closes the end that is not its own; the parent takes its time. */
#include "bug.h"

int main(void)
{
	int pair[2];
	pid_t child;
	char c;

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	child = fork();
	need(child >= 0);
	if (child == 0) {
		close(pair[0]);
		while (recv(pair[1], &c, 1, 0) > 0)
			;
		_exit(0);
	}
	close(pair[1]);
	need(send(pair[0], "x", 1, 0) == 1);
	sleep_ms(1000);
	close(pair[0]);
	need(waitpid(child, NULL, 0) == child);
	return 0;
}
