/* SPDX-License-Identifier: MIT */
/*
 * A prefork server, which is no fork server: it received its listening socket once, by SCM_RIGHTS,
 * and forks workers at its own will that all keep it. Nobody asked for this or that worker.
 */
#include "pass.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define WORKERS 3

static void worker(int listener)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC), fd;

	check(client >= 0);
	fd = receive_int(client);
	send_int(client, fd + 1);
	_exit(0);
}

static void serve(int sock)
{
	int fds[PASS_MAX];
	pid_t pids[WORKERS];

	check(receive_fds(sock, fds, 1, MSG_CMSG_CLOEXEC, NULL) == 1);
	send_int(sock, fds[0]);
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			worker(fds[0]);
	}
	for (int i = 0; i < WORKERS; i++) {
		char more[64];

		snprintf(more, sizeof(more), "\"logical_parent\":%d", getpid());
		say_child(pids[i], "fork", "fork", reap(pids[i]), more);
	}
	_exit(0);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int pair[2], listener, got;
	pid_t server;

	begin();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0)
		SKIP("no loopback");
	check(getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
	      listen(listener, 8) == 0);
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	server = fork_child();
	if (server == 0) {
		close(listener);
		close(pair[0]);
		serve(pair[1]);
	}
	check(send_fds(pair[0], &listener, 1) == 1);
	got = receive_int(pair[0]);
	say("{'expect':'fd_pass','from':%d,'to':%d,'for':null,'via':'scm_rights',"
	    "'files':[[%d,%d,'socket:inet']]}",
	    getpid(), server, listener, got);
	for (int i = 0; i < WORKERS; i++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		check(client >= 0 && connect(client, (struct sockaddr *)&address, len) == 0);
		send_int(client, i);
		check(receive_int(client) == i + 1);
		close(client);
	}
	say_child(server, "fork", "fork", reap(server), "\"received\":1");
	return 0;
}
