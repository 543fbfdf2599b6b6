/* SPDX-License-Identifier: MIT */
/*
 * Output that never blocks the loop that feeds it: bytes are kept here and written when poll says so, in
 * pieces that a pipe takes whole (PIPE_BUF), since stdout is shared with others and must stay blocking.
 */
#ifndef PROCPOOL_CMD_OUTBUF_H
#define PROCPOOL_CMD_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>

struct outbuf {
	int fd;
	bool is_file; /* regular: a write never waits for a reader */
	char *buf;
	size_t size, begin, end;
};

void outbuf_init(struct outbuf *out, int fd);

/* 0 or -ENOMEM. */
int outbuf_add(struct outbuf *out, const void *data, size_t len);

static inline size_t outbuf_pending(const struct outbuf *out)
{
	return out->end - out->begin;
}

/* Writes one piece (a regular file: all of it). 0, or a negative errno; -EPIPE: nobody reads any more. */
int outbuf_write(struct outbuf *out);

void outbuf_free(struct outbuf *out);

#endif
