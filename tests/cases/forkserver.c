/* SPDX-License-Identifier: MIT */
/*
 * A fork server in C: each request brings the two pipe ends of one worker, the server forks, the
 * worker keeps them and answers, the server closes its copies. Then the workers' start method is
 * forkserver, and who asked is the logical parent.
 */
#include "pass.h"

#define WORKERS 3

static void work(int in, int out)
{
	child_begin();
	send_int(out, receive_int(in) * 2);
	_exit(0);
}

static void serve(int sock)
{
	for (int i = 0; i < WORKERS; i++) {
		int fds[PASS_MAX], status;
		pid_t pid;

		check(receive_fds(sock, fds, 2, MSG_CMSG_CLOEXEC, NULL) == 2);
		pid = fork();
		check(pid >= 0);
		if (pid == 0) {
			close(sock);
			work(fds[0], fds[1]);
		}
		close(fds[0]);
		close(fds[1]);
		send_int(sock, pid);
		send_int(sock, fds[0]);
		send_int(sock, fds[1]);
		status = reap(pid);
		send_int(sock, status);
	}
	_exit(0);
}

static void request(int sock, pid_t server, int number)
{
	int to[2], from[2], give[2], pid, got[2];

	make_pipe(to);
	make_pipe(from);
	give[0] = to[0];
	give[1] = from[1];
	check(send_fds(sock, give, 2) == 1);
	close(to[0]);
	close(from[1]);
	pid = receive_int(sock);
	got[0] = receive_int(sock);
	got[1] = receive_int(sock);
	send_int(to[1], number);
	check(receive_int(from[0]) == number * 2);
	say("{'expect':'process','pid':%d,'parent':%d,'creator':%d,'logical_parent':%d,'mechanism':"
	    "'fork',"
	    "'start_method':'forkserver','exit':%s,'reaped_by':%d}",
	    pid, server, server, getpid(), exit_json(receive_int(sock)), server);
	say("{'expect':'fd_pass','from':%d,'to':%d,'for':%d,'via':'scm_rights',"
	    "'files':[[%d,%d,'pipe'],[%d,%d,'pipe']]}",
	    getpid(), server, pid, give[0], got[0], give[1], got[1]);
	close(to[1]);
	close(from[0]);
}

int main(void)
{
	int pair[2];
	pid_t server;

	begin();
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	server = fork_child();
	if (server == 0) {
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	for (int i = 0; i < WORKERS; i++)
		request(pair[0], server, 100 + i);
	say_child(server, "fork", "fork", reap(server), "\"received\":6");
	say("{'expect':'total','processes':%d}", WORKERS + 2);
	return 0;
}
