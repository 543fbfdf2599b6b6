/* SPDX-License-Identifier: MIT */
/* A protocol-buffer writer; see pb.h. */
#include "base/pb.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

/* A length written before it is known: four groups of seven bits, all but the last saying "more follows". */
#define LENGTH_BYTES 4
#define LENGTH_MAX ((size_t)1 << 28)

static void add_varint(struct buffer *b, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buffer_add_char(b, (char)(value | 0x80));
	buffer_add_char(b, (char)value);
}

static void add_tag(struct buffer *b, unsigned field, enum wire wire)
{
	add_varint(b, (uint64_t)field << 3 | wire);
}

void pb_u64(struct buffer *b, unsigned field, uint64_t value)
{
	add_tag(b, field, WIRE_VARINT);
	add_varint(b, value);
}

void pb_fixed64(struct buffer *b, unsigned field, uint64_t value)
{
	int i;

	add_tag(b, field, WIRE_FIXED64);
	for (i = 0; i < 8; i++)
		buffer_add_char(b, (char)(value >> 8 * i));
}

void pb_bytes(struct buffer *b, unsigned field, const void *data, size_t len)
{
	add_tag(b, field, WIRE_BYTES);
	add_varint(b, len);
	buffer_append(b, data, len);
}

void pb_text(struct buffer *b, unsigned field, const char *text)
{
	pb_bytes(b, field, text, strlen(text));
}

size_t pb_begin(struct buffer *b, unsigned field)
{
	add_tag(b, field, WIRE_BYTES);
	buffer_append(b, "\x80\x80\x80", LENGTH_BYTES);
	return b->len;
}

void pb_end(struct buffer *b, size_t at)
{
	size_t len = b->len - at, i;

	if (b->failed)
		return;
	if (len >= LENGTH_MAX) {
		b->failed = true;
		return;
	}
	for (i = 0; i < LENGTH_BYTES; i++)
		b->data[at - LENGTH_BYTES + i] = (char)((len >> 7 * i & 0x7f) |
							(i + 1 < LENGTH_BYTES ? 0x80 : 0));
}
