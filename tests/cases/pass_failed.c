/* SPDX-License-Identifier: MIT */
/* Sends that fail pass nothing: a number that is not open, a peer that is gone, a full queue. */
#include "pass.h"

static void say_failure(int error)
{
	say("{'expect':'event','type':'fd_send_failed','where':{'pid':%d,'error':%d},'count':1}",
	    getpid(), error);
}

int main(void)
{
	int pair[2], fds[3], n = 0;
	char fill[4096] = { 0 };

	begin();
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	make_pipe(fds);
	fds[2] = 999;
	check(send_fds(pair[0], fds, 3) == -1 && errno == EBADF);
	say_failure(EBADF);
	check(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
	while (send(pair[0], fill, sizeof(fill), 0) > 0)
		n++;
	while (send(pair[0], fill, 1, 0) > 0)
		;
	check(n > 0 && errno == EAGAIN);
	check(send_fds(pair[0], fds, 2) == -1 && errno == EAGAIN);
	say_failure(EAGAIN);
	close(pair[1]);
	check(send_fds(pair[0], fds, 2) == -1 && errno == EPIPE);
	say_failure(EPIPE);
	say("{'expect':'no_fd_pass','from':%d}", getpid());
	return 0;
}
