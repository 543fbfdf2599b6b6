/* SPDX-License-Identifier: MIT */
/* See lines.h. The buffer slides down before it grows, so memory is bounded by the longest line. */
#include "cmd/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SIZE (256u << 10)

void lines_init(struct lines *lines, int fd, size_t longest)
{
	*lines = (struct lines){ .fd = fd, .longest = longest };
}

static void take(struct lines *lines, size_t len, size_t newline, const char **ret_line,
		 size_t *ret_len)
{
	*ret_line = lines->buf + lines->begin;
	*ret_len = len;
	lines->begin += len + newline;
	lines->scanned = lines->begin;
	lines->consumed += len + newline;
}

int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len)
{
	const char *from = lines->buf + lines->scanned;
	const char *newline = NULL;
	size_t len;

	if (lines->scanned < lines->end)
		newline = memchr(from, '\n', lines->end - lines->scanned);
	lines->scanned = newline ? (size_t)(newline - lines->buf) : lines->end;
	len = lines->scanned - lines->begin;
	if (len > lines->longest)
		return -E2BIG;
	if (!newline && !lines->at_end)
		return -EAGAIN;
	if (!newline && !len)
		return -ENODATA;
	take(lines, len, newline ? 1 : 0, ret_line, ret_len);
	return 0;
}

static int make_room(struct lines *lines)
{
	size_t size;
	char *buf;

	if (lines->begin > 0) {
		memmove(lines->buf, lines->buf + lines->begin, lines->end - lines->begin);
		lines->end -= lines->begin;
		lines->scanned -= lines->begin;
		lines->begin = 0;
	}
	if (lines->end < lines->size)
		return 0;
	size = lines->size ? lines->size * 2 : FIRST_SIZE;
	buf = realloc(lines->buf, size);
	if (!buf)
		return -ENOMEM;
	lines->buf = buf;
	lines->size = size;
	return 0;
}

int lines_fill(struct lines *lines)
{
	ssize_t got;
	int r;

	if (lines->at_end)
		return 0;
	r = make_room(lines);
	if (r < 0)
		return r;
	got = read(lines->fd, lines->buf + lines->end, lines->size - lines->end);
	if (got < 0)
		return -errno;
	lines->at_end = got == 0;
	lines->end += (size_t)got;
	return 0;
}

void lines_free(struct lines *lines)
{
	free(lines->buf);
	lines->buf = NULL;
}
