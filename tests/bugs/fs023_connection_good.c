/* SPDX-License-Identifier: MIT */
/* FS023: Each has a connection of its own, one after the other served. */
#include "bug.h"

#include <netinet/in.h>

static void ask(int fd)
{
	char c = 'x';

	need(write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1);
}

static int new_connection(int listener)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(fd >= 0 && getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	need(connect(fd, (struct sockaddr *)&at, len) == 0);
	return fd;
}

static void *serve(void *arg)
{
	int fd = *(int *)arg;
	char c;

	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		while (peer >= 0 && read(peer, &c, 1) == 1)
			need(write(peer, &c, 1) == 1);
		close(peer);
	}
	return NULL;
}

int main(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	pid_t server, pid;

	need(bind(listener, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(listener, 5) == 0);
	server = fork();
	need(server >= 0);
	if (server == 0)
		serve(&listener);
	fd = new_connection(listener);
	ask(fd);
	close(fd);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		fd = new_connection(listener);
		for (int i = 0; i < 5; i++, sleep_ms(10))
			ask(fd);
		_exit(0);
	}
	end_child(pid, 3000);
	fd = new_connection(listener);
	for (int i = 0; i < 5; i++, sleep_ms(10))
		ask(fd);
	kill(server, SIGKILL);
	end_child(server, 3000);
	return 0;
}
