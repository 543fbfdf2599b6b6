/* SPDX-License-Identifier: MIT */
/* One connection, of which the child only reads and the parent only writes: that is what duplex is for. */
#include "bug.h"

#include <netinet/in.h>

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, peer;
	socklen_t len = sizeof(at);
	pid_t pid;
	char c;

	need(bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 1) == 0);
	need(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(fd >= 0 && connect(fd, (struct sockaddr *)&at, len) == 0);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	need(peer >= 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		close(peer);
		for (int i = 0; i < 5; i++)
			need(read(fd, &c, 1) == 1);
		_exit(0);
	}
	for (int i = 0; i < 5; i++, sleep_ms(20)) {
		need(write(fd, "x", 1) == 1);
		need(write(peer, "y", 1) == 1);
	}
	end_child(pid, 600);
	return 0;
}
