/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit program passes fds: msghdr and cmsghdr have another layout, and socketcall(2) is one
 * more way in. Both directions, between two 32-bit processes.
 * build: -m32
 */
#include "pass.h"

#include <linux/net.h>

static const char *const kinds[] = { "pipe", NULL };

static ssize_t send_by_socketcall(int sock, const int *fds, int n)
{
	static union pass_control control;
	char byte = 's';
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
	unsigned long args[3] = { sock, (unsigned long)(uintptr_t)&m, 0 };

	add_rights(&m, fds, n);
#ifdef SYS_socketcall
	return syscall(SYS_socketcall, SYS_SENDMSG, args);
#else
	(void)args;
	return sendmsg(sock, &m, 0);
#endif
}

int main(void)
{
	int pair[2], fds[4], got[PASS_MAX];
	pid_t pid;

	begin();
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	pid = fork_child();
	if (pid == 0) {
		int n = receive_fds(pair[1], fds, 4, 0, NULL);

		answer_numbers(pair[1], fds, n);
		n = receive_fds(pair[1], fds, 4, 0, NULL);
		answer_numbers(pair[1], fds, n);
		_exit(0);
	}
	make_pipe(fds);
	make_pipe(fds + 2);
	check(send_fds(pair[0], fds, 4) == 1);
	check(hear_numbers(pair[0], got) == 4);
	say_pass(getpid(), pid, fds, got, 4, kinds);
	check(send_by_socketcall(pair[0], fds + 1, 2) == 1);
	check(hear_numbers(pair[0], got) == 2);
	say_pass(getpid(), pid, fds + 1, got, 2, kinds);
	say_child(pid, "fork", "fork", reap(pid), "\"received\":6");
	return 0;
}
