/* SPDX-License-Identifier: MIT */
/* FS023: parent and child wait on one epoll set. */
#include "bug.h"

#include <sys/epoll.h>

static void waits(int ep)
{
	struct epoll_event e;

	for (int i = 0; i < 4; i++)
		epoll_wait(ep, &e, 1, 150);
}

int main(void)
{
	int ends[2], ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN };
	pid_t pid;

	need(ep >= 0 && pipe2(ends, O_CLOEXEC) == 0 &&
	     epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {

		waits(ep);
		_exit(0);
	}
	waits(ep);
	end_child(pid, 3000);
	return 0;
}
