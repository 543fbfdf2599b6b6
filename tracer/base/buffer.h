/* SPDX-License-Identifier: MIT */
/*
 * A growing run of bytes.
 *
 * Starts as all zeros (struct buffer b = { 0 };). When memory runs out `failed` is set and stays so,
 * later appends do nothing: a writer checks once, at its end. A NUL is kept behind the last byte, so
 * buffer_text() is a C string (which ends at the first NUL that was put in).
 */
#ifndef TRACER_BASE_BUFFER_H
#define TRACER_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data; /* NULL before the first append */
	size_t len;
	size_t room;
	bool failed;
};

/* Makes room for `more` bytes behind len and returns where they go; NULL: no memory, failed is set. */
char *buffer_reserve(struct buffer *b, size_t more);

void buffer_append(struct buffer *b, const void *data, size_t len);
void buffer_add_text(struct buffer *b, const char *text);
void buffer_add_char(struct buffer *b, char c);
void buffer_printf(struct buffer *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The bytes as a C string; "" when empty. Valid until the next append. */
const char *buffer_text(const struct buffer *b);

/* Empties it and keeps its memory; `failed` too is forgotten. */
void buffer_reset(struct buffer *b);
void buffer_free(struct buffer *b);

#endif
