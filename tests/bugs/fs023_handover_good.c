/* SPDX-License-Identifier: MIT */
/* FS023: a connection is handed to one child after the other, each for its whole life. */
#include <arpa/inet.h>

#include "bug.h"

static int make_listener(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	need(fd >= 0 && bind(fd, (struct sockaddr *)address, len) == 0 && listen(fd, 1) == 0);
	need(getsockname(fd, (struct sockaddr *)address, &len) == 0);
	return fd;
}

static pid_t start_server(int listener)
{
	pid_t pid = fork();
	char c;
	int fd;

	need(pid >= 0);
	if (pid > 0)
		return pid;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
		;
	_exit(0);
}

static void ask(int fd, int times)
{
	char c = 'q';

	while (times--) {
		need(write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1);
		sleep_ms(20);
	}
}

int main(void)
{
	struct sockaddr_in address;
	int listener = make_listener(&address), fd;
	pid_t server = start_server(listener), pid;

	close(listener);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	for (int i = 0; i < 3; i++) {
		ask(fd, 1);
		pid = fork();
		need(pid >= 0);
		if (pid == 0) {
			ask(fd, 3);
			_exit(0);
		}
		need(waitpid(pid, NULL, 0) == pid);
	}
	close(fd);
	need(waitpid(server, NULL, 0) == server);
	return 0;
}
