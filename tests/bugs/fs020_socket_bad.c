/* SPDX-License-Identifier: MIT */
/*
 * FS020: a child reads its end of a socket pair to the end, and has the other end open itself.
 * severity: bug
 */
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
		while (recv(pair[1], &c, 1, 0) > 0)
			;
		_exit(0);
	}
	close(pair[1]);
	need(send(pair[0], "x", 1, 0) == 1);
	close(pair[0]);
	sleep_ms(1000);
	kill(child, SIGKILL);
	need(waitpid(child, NULL, 0) == child);
	return 0;
}
