/* SPDX-License-Identifier: MIT */
/* sendmmsg and recvmmsg: several messages in one call, each with its own fds. */
#include "pass.h"

#define COUNT 3

struct batch {
	struct mmsghdr messages[COUNT];
	struct iovec data[COUNT];
	union pass_control control[COUNT];
	char bytes[COUNT];
};

static void prepare(struct batch *b)
{
	memset(b, 0, sizeof(*b));
	for (int i = 0; i < COUNT; i++) {
		b->data[i] = (struct iovec){ &b->bytes[i], 1 };
		b->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &b->data[i],
			.msg_iovlen = 1,
			.msg_control = &b->control[i],
		};
	}
}

static void receiver(int sock)
{
	static struct batch b;
	int fds[PASS_MAX];

	prepare(&b);
	for (int i = 0; i < COUNT; i++)
		b.messages[i].msg_hdr.msg_controllen = sizeof(b.control[i]);
	check(recvmmsg(sock, b.messages, COUNT, MSG_WAITFORONE, NULL) == COUNT);
	for (int i = 0; i < COUNT; i++)
		answer_numbers(sock, fds, take_fds(&b.messages[i].msg_hdr, fds));
	_exit(0);
}

int main(void)
{
	static const char *const kinds[] = { "pipe", NULL };
	static struct batch b;
	int pair[2], fds[2 * COUNT], ready[2];
	pid_t pid;

	begin();
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	make_pipe(ready);
	pid = fork_child();
	if (pid == 0) {
		receive_int(ready[0]); /* all three are there: one call takes them */
		receiver(pair[1]);
	}
	for (int i = 0; i < COUNT; i++)
		make_pipe(fds + 2 * i);
	prepare(&b);
	for (int i = 0; i < COUNT; i++)
		add_rights(&b.messages[i].msg_hdr, fds + i, i + 1); /* 1, 2 and 3 fds */
	check(sendmmsg(pair[0], b.messages, COUNT, 0) == COUNT);
	send_int(ready[1], 1);
	for (int i = 0; i < COUNT; i++) {
		int got[PASS_MAX];

		check(hear_numbers(pair[0], got) == i + 1);
		say_pass(getpid(), pid, fds + i, got, i + 1, kinds);
	}
	say_child(pid, "fork", "fork", reap(pid), "\"received\":6");
	return 0;
}
