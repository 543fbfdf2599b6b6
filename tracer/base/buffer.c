/* SPDX-License-Identifier: MIT */
/* See buffer.h. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *b, size_t more)
{
	size_t need, room = b->room ? b->room : 64;
	char *data;

	if (b->failed || more > SIZE_MAX / 4 - b->len)
		goto failed;
	need = b->len + more + 1;
	if (need > b->room) {
		while (room < need)
			room *= 2;
		data = realloc(b->data, room);
		if (!data)
			goto failed;
		b->data = data;
		b->room = room;
	}
	return b->data + b->len;
failed:
	b->failed = true;
	return NULL;
}

void buffer_append(struct buffer *b, const void *data, size_t len)
{
	char *to = buffer_reserve(b, len);

	if (!to)
		return;
	if (len)
		memcpy(to, data, len);
	to[len] = '\0';
	b->len += len;
}

void buffer_add_text(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text));
}

void buffer_add_char(struct buffer *b, char c)
{
	if (b->len + 1 < b->room && !b->failed) {
		b->data[b->len++] = c;
		b->data[b->len] = '\0';
		return;
	}
	buffer_append(b, &c, 1);
}

void buffer_printf(struct buffer *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0) {
		b->failed = true;
		return;
	}
	to = buffer_reserve(b, (size_t)len);
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}

const char *buffer_text(const struct buffer *b)
{
	return b->len ? b->data : "";
}

void buffer_reset(struct buffer *b)
{
	b->len = 0;
	b->failed = false;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ 0 };
}
