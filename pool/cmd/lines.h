/* SPDX-License-Identifier: MIT */
/*
 * Lines from a descriptor, without stdio: a line may hold any byte but the newline, the last one needs
 * none, and reading stops where a line is longer than the limit.
 *
 * lines_next() never reads: when it says -EAGAIN the caller polls and then calls lines_fill() once, so
 * that a slow input never stops the pool.
 */
#ifndef PROCPOOL_CMD_LINES_H
#define PROCPOOL_CMD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
	int fd;
	char *buf;
	size_t size, begin, end, scanned;
	size_t longest; /* limit on one line */
	uint64_t consumed; /* bytes handed out, newlines included */
	bool at_end;
};

void lines_init(struct lines *lines, int fd, size_t longest);

/*
 * 0: *ret_line is valid until the next lines_fill(). -EAGAIN: fill first. -ENODATA: there are no more.
 * -E2BIG: the next line is longer than the limit.
 */
int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len);

/* Reads once. 0 also at the end of input; else a negative errno (-EINTR, -EAGAIN, -EIO, -ENOMEM …). */
int lines_fill(struct lines *lines);

void lines_free(struct lines *lines);

#endif
