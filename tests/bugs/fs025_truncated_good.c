/* SPDX-License-Identifier: MIT */
/* FS025: Enough room. */
#include "bug.h"

int main(void)
{
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	char c = 'x';
	struct iovec data = { .iov_base = &c, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int ends[2], fds[2] = { 1, 2 };

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(h), fds, sizeof(fds));
	need(sendmsg(ends[0], &m, 0) == 1);
	m.msg_control = &control;
	m.msg_controllen = sizeof(control);
	need(recvmsg(ends[1], &m, MSG_CMSG_CLOEXEC) == 1);
	return 0;
}
