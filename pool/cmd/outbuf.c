/* SPDX-License-Identifier: MIT */
/* See outbuf.h. */
#include "cmd/outbuf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void outbuf_init(struct outbuf *out, int fd)
{
	struct stat st;

	*out = (struct outbuf){ .fd = fd };
	out->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int outbuf_add(struct outbuf *out, const void *data, size_t len)
{
	size_t size = out->size ? out->size : 64u << 10;
	char *buf;

	if (out->begin > 0 && len > out->size - out->end) {
		memmove(out->buf, out->buf + out->begin, outbuf_pending(out));
		out->end -= out->begin;
		out->begin = 0;
	}
	while (len > size - out->end)
		size *= 2;
	if (size != out->size) {
		buf = realloc(out->buf, size);
		if (!buf)
			return -ENOMEM;
		out->buf = buf;
		out->size = size;
	}
	if (len)
		memcpy(out->buf + out->end, data, len);
	out->end += len;
	return 0;
}

int outbuf_write(struct outbuf *out)
{
	size_t len = outbuf_pending(out);
	ssize_t put;

	if (!len)
		return 0;
	if (!out->is_file && len > PIPE_BUF)
		len = PIPE_BUF;
	put = write(out->fd, out->buf + out->begin, len);
	if (put < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	out->begin += (size_t)put;
	if (out->begin == out->end)
		out->begin = out->end = 0;
	return 0;
}

void outbuf_free(struct outbuf *out)
{
	free(out->buf);
	out->buf = NULL;
}
