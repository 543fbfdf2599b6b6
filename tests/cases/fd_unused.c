/* SPDX-License-Identifier: MIT */
/*
 * Inherited fds that a child never names in a system call, except to close or look at them; poll
 * and epoll count as use.
 */
#include "case.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define EXTRA 8

int main(void)
{
	char more[96];
	int fds[EXTRA], n, use;
	pid_t pid;

	begin();
	for (int i = 0; i < EXTRA; i++) {
		fds[i] = open("/dev/zero",
			      O_RDWR); /* not CLOEXEC: the child of an exec gets them too */
		check(fds[i] >= 0);
	}
	n = count_fds();
	pid = fork_child();
	if (pid == 0) {
		struct pollfd poll_one = { fds[1], POLLIN, 0 };
		struct epoll_event event = { .events = EPOLLIN };
		struct stat st;
		int epoll = epoll_create1(EPOLL_CLOEXEC);
		char byte;

		check(read(fds[0], &byte, 1) == 1); /* used */
		check(poll(&poll_one, 1, 0) >= 0); /* used */
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fds[2], &event); /* used, even if refused */
		check(fstat(fds[3], &st) == 0); /* these are not use */
		check(fcntl(fds[4], F_GETFD) >= 0 && fcntl(fds[4], F_SETFD, 0) == 0);
		close(fds[5]);
		_exit(0);
	}
	use = 3;
	snprintf(more, sizeof(more), "\"inherited\":%d,\"never_used\":%d", n, n - use);
	say_child(pid, "fork", "fork", reap(pid), more);
	return 0;
}
