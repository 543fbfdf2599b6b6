/* SPDX-License-Identifier: MIT */
/*
 * A protocol-buffer writer: fields go into a buffer in the order they are written.
 *
 *     size_t at = pb_begin(&b, 11);        // a message within a message
 *     pb_u64(&b, 9, 1);
 *     pb_text(&b, 23, "fork");
 *     pb_end(&b, at);
 *
 * A nested message's length is four bytes whatever it is, filled in at its end: nothing is moved. So one
 * message holds less than 256 MiB; beyond that the buffer is marked failed. Text must be valid UTF-8, which
 * what comes from escape.h always is.
 */
#ifndef TRACER_BASE_PB_H
#define TRACER_BASE_PB_H

#include <stdint.h>

#include "base/buffer.h"

void pb_u64(struct buffer *b, unsigned field, uint64_t value);
void pb_fixed64(struct buffer *b, unsigned field, uint64_t value);
void pb_bytes(struct buffer *b, unsigned field, const void *data, size_t len);
void pb_text(struct buffer *b, unsigned field, const char *text);

/* Returns what pb_end wants back; messages end in the reverse order of their beginning. */
size_t pb_begin(struct buffer *b, unsigned field);
void pb_end(struct buffer *b, size_t at);

#endif
