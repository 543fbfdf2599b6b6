/* SPDX-License-Identifier: MIT */
/*
 * fds passed over a Unix socket of each type: one, 253 (the most), in several control messages of
 * one message, after a credentials message; by sendmsg and recvmsg.
 */
#include "pass.h"

static const char *const pipes[] = { "pipe", NULL };

static void receiver(int sock)
{
	int fds[PASS_MAX], n;

	do {
		n = receive_fds(sock, fds, PASS_MAX, 0, NULL);
		answer_numbers(sock, fds, n);
		for (int i = 0; i < n; i += 2)
			close(fds[i]); /* so that the next numbers are not the same */
	} while (n > 1);
	_exit(0);
}

static void say_answer(int sock, pid_t pid, const int *fds, int n)
{
	int got[PASS_MAX];

	check(hear_numbers(sock, got) == n);
	say_pass(getpid(), pid, fds, got, n, pipes);
}

static void send_in_pieces(int sock, pid_t pid, const int *fds)
{
	static union pass_control control;
	char byte = 'p';
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };

	add_rights(&m, fds, 2);
	add_rights(&m, fds + 2, 1);
	add_rights(&m, fds + 3, 4);
	check(sendmsg(sock, &m, 0) == 1);
	say_answer(sock, pid, fds, 7);
}

static void send_after_credentials(int sock, pid_t pid, const int *fds)
{
	static union pass_control control;
	struct ucred me = { getpid(), getuid(), getgid() };
	char byte = 'c';
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
	struct cmsghdr *c = (struct cmsghdr *)control.buf;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(me));
	memcpy(CMSG_DATA(c), &me, sizeof(me));
	m.msg_controllen = CMSG_SPACE(sizeof(me));
	add_rights(&m, fds, 3);
	check(sendmsg(sock, &m, 0) == 1);
	say_answer(sock, pid, fds, 3);
}

static void run(int type)
{
	int pair[2], fds[PASS_MAX], on = 1;
	pid_t pid;

	check(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0);
	pid = fork_child();
	if (pid == 0) {
		check(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
		close(pair[0]);
		receiver(pair[1]);
	}
	close(pair[1]);
	for (int i = 0; i < PASS_MAX - 1; i += 2)
		make_pipe(fds + i);
	fds[PASS_MAX - 1] = fds[0]; /* one file twice in a message */
	check(send_fds(pair[0], fds, PASS_MAX) == 1);
	say_answer(pair[0], pid, fds, PASS_MAX);
	send_in_pieces(pair[0], pid, fds);
	send_after_credentials(pair[0], pid, fds);
	check(send_fds(pair[0], fds + 1, 1) == 1);
	say_answer(pair[0], pid, fds + 1, 1);
	say_child(pid, "fork", "fork", reap(pid), "\"received\":264");
	for (int i = 0; i < PASS_MAX - 1; i++)
		close(fds[i]);
	close(pair[0]);
}

int main(void)
{
	begin();
	run(SOCK_STREAM);
	run(SOCK_DGRAM);
	run(SOCK_SEQPACKET);
	return 0;
}
