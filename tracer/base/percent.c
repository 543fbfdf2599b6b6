/* SPDX-License-Identifier: MIT */
/* See percent.h. */
#include "base/percent.h"

#include <string.h>

void percent_encode(struct buffer *out, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > ' ' && c < 0x7f && c != '%')
			buffer_add_char(out, text[i]);
		else
			buffer_printf(out, "%%%02X", c);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void percent_decode(struct buffer *out, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		int high = text[i] == '%' && i + 2 < len ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

		if (low >= 0) {
			buffer_add_char(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buffer_add_char(out, text[i]);
		}
	}
}

void percent_decode_argv(struct buffer *out, const char *list)
{
	if (!*list)
		return;
	for (;;) {
		size_t len = strcspn(list, " ");

		percent_decode(out, list, len);
		buffer_add_char(out, '\0');
		if (!list[len])
			return;
		list += len + 1;
	}
}
