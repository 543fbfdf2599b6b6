/* SPDX-License-Identifier: MIT */
/*
 * For the cases that pass fds over a Unix socket: sender and receiver, and how the receiver tells
 * the sender which numbers it got. The receiver answers on the same socket, with plain data.
 */
#ifndef TESTS_CASES_PASS_H
#define TESTS_CASES_PASS_H

#include "case.h"

#define PASS_MAX 253 /* the kernel's SCM_MAX_FD */
#define PASS_ROOM (CMSG_SPACE(PASS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)))

union pass_control {
	char buf[PASS_ROOM];
	struct cmsghdr align;
};

/* Appends one SCM_RIGHTS control message; the caller's msg_control has room. */
static inline void add_rights(struct msghdr *m, const int *fds, int n)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);

	memset(c, 0, CMSG_SPACE(n * sizeof(int)));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	m->msg_controllen += CMSG_SPACE(n * sizeof(int));
}

static inline ssize_t send_fds(int sock, const int *fds, int n)
{
	static union pass_control control;
	char byte = 'f';
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };

	add_rights(&m, fds, n);
	return sendmsg(sock, &m, MSG_NOSIGNAL);
}

/* Takes the fds out of a received message; returns how many. */
static inline int take_fds(struct msghdr *m, int *fds)
{
	int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds + n, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		n += (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	}
	return n;
}

/* `room`: how many fds the control buffer has room for. */
static inline int receive_fds(int sock, int *fds, int room, int flags, int *ret_msg_flags)
{
	static union pass_control control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };

	memset(&control, 0, sizeof(control));
	m.msg_controllen = room == PASS_MAX ? sizeof(control) : CMSG_LEN(room * sizeof(int));
	check(recvmsg(sock, &m, flags) == 1);
	if (ret_msg_flags)
		*ret_msg_flags = m.msg_flags;
	return take_fds(&m, fds);
}

/* The receiver's side of answer(). */
static inline void answer_numbers(int sock, const int *fds, int n)
{
	check(send(sock, &n, sizeof(n), 0) == sizeof(n));
	check(send(sock, fds, n * sizeof(int), 0) == (ssize_t)(n * sizeof(int)));
}

static inline int hear_numbers(int sock, int *fds)
{
	int n = 0;

	check(recv(sock, &n, sizeof(n), 0) == sizeof(n) && n <= PASS_MAX);
	check(n == 0 ||
	      recv(sock, fds, n * sizeof(int), MSG_WAITALL) == (ssize_t)(n * sizeof(int)));
	return n;
}

/*
 * Says one passing: from_fds[i] became to_fds[i]; kinds is a NULL-terminated list, its last word
 * repeats.
 */
static inline void say_pass(pid_t from, pid_t to, const int *from_fds, const int *to_fds, int n,
			    const char *const *kinds)
{
	static char files[PASS_MAX * 64];
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		at += snprintf(files + at, sizeof(files) - at, "%s[%d,%d,\"%s\"]", i ? "," : "",
			       from_fds[i], to_fds[i], *kinds);
		if (kinds[1])
			kinds++;
	}
	say("{'expect':'fd_pass','from':%d,'to':%d,'via':'scm_rights','files':[%s]}", from, to,
	    files);
}

#endif
