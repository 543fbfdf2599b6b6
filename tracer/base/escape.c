/* SPDX-License-Identifier: MIT */
/* See escape.h. */
#include "base/escape.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* One character (or bad byte) at text, which is known to be unsafe. */
static void add_escaped(struct buffer *out, const char *text, unsigned len, uint32_t point)
{
	switch (len ? (int)point : -1) {
	case '\n':
		buffer_add_text(out, "\\n");
		return;
	case '\r':
		buffer_add_text(out, "\\r");
		return;
	case '\t':
		buffer_add_text(out, "\\t");
		return;
	case 0x1b:
		buffer_add_text(out, "\\e");
		return;
	}
	if (len <= 1)
		buffer_printf(out, "\\x%02x", (unsigned char)text[0]);
	else if (point <= 0xffff)
		buffer_printf(out, "\\u%04x", (unsigned)point);
	else
		buffer_printf(out, "\\U%08x", (unsigned)point);
}

/* Escapes also the characters in `special`, each with a backslash. */
static void escape(struct buffer *out, const char *text, size_t len, const char *special)
{
	size_t i = 0, start = 0;

	while (i < len) {
		uint32_t point = 0;
		unsigned n = utf8_decode(text + i, len - i, &point);
		bool unsafe = n == 0 || utf8_is_unsafe(point);

		if (!unsafe && !(n == 1 && strchr(special, text[i]))) {
			i += n;
			continue;
		}
		buffer_append(out, text + start, i - start);
		if (unsafe) {
			add_escaped(out, text + i, n, point);
		} else {
			buffer_add_char(out, '\\');
			buffer_add_char(out, text[i]);
		}
		i += n ? n : 1;
		start = i;
	}
	buffer_append(out, text + start, len - start);
}

void escape_append(struct buffer *out, const char *text, size_t len)
{
	escape(out, text, len, "\\");
}

void escape_message(struct buffer *out, const char *text, size_t len)
{
	escape(out, text, len, "");
}

enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_ESCAPE };

static enum quoting quoting_needed(const char *arg, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_@%+=:,./-";
	enum quoting need = len ? QUOTE_NONE : QUOTE_SINGLE;
	size_t i = 0;

	while (i < len) {
		uint32_t point = 0;
		unsigned n = utf8_decode(arg + i, len - i, &point);

		/* A quote cannot stand inside '...'. */
		if (n == 0 || point == '\'' || utf8_is_unsafe(point))
			return QUOTE_ESCAPE;
		if (n == 1 && !strchr(plain, arg[i]))
			need = QUOTE_SINGLE;
		i += n;
	}
	return need;
}

void escape_quote(struct buffer *out, const char *arg, size_t len)
{
	switch (quoting_needed(arg, len)) {
	case QUOTE_NONE:
		buffer_append(out, arg, len);
		break;
	case QUOTE_SINGLE:
		buffer_add_char(out, '\'');
		buffer_append(out, arg, len);
		buffer_add_char(out, '\'');
		break;
	case QUOTE_ESCAPE:
		buffer_add_text(out, "$'");
		escape(out, arg, len, "\\'");
		buffer_add_char(out, '\'');
		break;
	}
}

void escape_quote_argv(struct buffer *out, const char *args, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *nul = memchr(args + at, '\0', len - at);
		size_t n = nul ? (size_t)(nul - (args + at)) : len - at;

		if (at)
			buffer_add_char(out, ' ');
		escape_quote(out, args + at, n);
		at += n + 1;
	}
}
