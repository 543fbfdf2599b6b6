/* SPDX-License-Identifier: MIT */
/*
 * Between a context and its fork server: one page of shared memory and messages over an inherited socket.
 *
 * The caller sends one request for up to SERVER_BATCH workers, with their fds; the server answers with one
 * reply and their pidfds. It clones each with CLONE_PARENT, so they are the caller's own children, and the
 * kernel writes their numbers to tid[] in the same step: when the server dies at any point of a request, the
 * caller reads there which workers exist, and adopts them.
 */
#ifndef POOL_SERVER_H
#define POOL_SERVER_H

#include "internal.h"

#define SERVER_MAGIC 0x50505331u /* "PPS1" */
#define SERVER_BATCH 64u
#define SERVER_TOLERANT 0x1u
#define SERVER_MESSAGE 256u

enum server_state { SERVER_STARTING, SERVER_READY, SERVER_FAILED };

struct server_report {
	int32_t error;
	int32_t threads_left, fds_left;
	uint32_t entry; /* offset of its text from the page's start */
	int64_t time_ns, rss_kb;
	char message[SERVER_MESSAGE];
};

struct server_page {
	uint32_t magic;
	uint32_t state; /* enum server_state */
	uint64_t size;
	uint32_t flags;
	int32_t sock_fd, life_fd;
	uint32_t n_preload;
	uint32_t tid[SERVER_BATCH];
	struct server_report report[];
};

/* A request: this, then for each worker its header and moves. */
struct wire_request {
	uint32_t magic;
	uint32_t n;
};

struct wire_worker {
	uint32_t lane; /* index of the lane's fd among the message's fds */
	uint32_t n_moves;
};

struct wire_move {
	uint32_t fd; /* index among the message's fds */
	int32_t to;
};

/* The reply carries a pidfd for each error[i] that is 0, in order. */
struct wire_reply {
	uint32_t magic;
	uint32_t n;
	int32_t error[SERVER_BATCH];
};

#define SERVER_REQUEST_MAX             \
	(sizeof(struct wire_request) + \
	 SERVER_BATCH * (sizeof(struct wire_worker) + MOVES_MAX * sizeof(struct wire_move)))

/* One worker of a request. */
struct wire_item {
	uint32_t lane, n_moves;
	const uint8_t *moves;
};
/* Reads the item at *at and moves on: 0, or -EBADMSG; n_fds is how many fds the message had. */
int wire_next(const uint8_t *data, size_t size, size_t *at, unsigned n_fds,
	      struct wire_item *ret_item);

#endif
