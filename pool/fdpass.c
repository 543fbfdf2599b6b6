/* SPDX-License-Identifier: MIT */
/* Messages with fds over a SEQPACKET socket. What does not fit is an error, never a silent loss. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forkscope/probes.h"
#include "internal.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_PER_MESSAGE * sizeof(int))];
};

int fds_send(int sock, const void *data, size_t len, const int *fds, unsigned n)
{
	union control control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (n > FDS_PER_MESSAGE)
		return -E2BIG;
	if (n) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	FS_PROBE2(procpool, fd__send, sock, n);
	return (size_t)sent == len ? 0 : -EMSGSIZE;
}

/* Takes the fds out of a message: the first `max` to fds, the rest closed. Returns how many there were. */
static unsigned take_fds(struct msghdr *msg, int *fds, unsigned max)
{
	struct cmsghdr *c;
	unsigned n = 0;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned i, count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (i = 0; i < count; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < max)
				fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

ssize_t fds_receive(int sock, void *data, size_t size, int *fds, unsigned max, unsigned *ret_n)
{
	union control control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	unsigned n;
	ssize_t got;

	do
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	n = take_fds(&msg, fds, max);
	if (n > max || (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
		for (n = n < max ? n : max; n > 0; n--)
			close(fds[n - 1]);
		return -EMSGSIZE;
	}
	FS_PROBE2(procpool, fd__receive, sock, n);
	*ret_n = n;
	return got;
}
