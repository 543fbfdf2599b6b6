/* SPDX-License-Identifier: MIT */
/* What a terminal can show; see term.h. */
#include "base/term.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

const char *term_style(const struct term *t, enum style s)
{
	static const char *const sequences[] = {
		[STYLE_PLAIN] = "\033[0m", [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
		[STYLE_RED] = "\033[31m",  [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
		[STYLE_CYAN] = "\033[36m",
	};

	return t->color ? sequences[s] : "";
}

const char *term_glyph(const struct term *t, enum glyph g)
{
	static const char *const glyphs[][2] = {
		[GLYPH_BRANCH] = { "|- ", "├─ " }, [GLYPH_LAST] = { "`- ", "└─ " },
		[GLYPH_BAR] = { "|  ", "│  " },	   [GLYPH_BLANK] = { "   ", "   " },
		[GLYPH_MORE] = { "...", "…" },	   [GLYPH_DOT] = { " - ", " · " },
		[GLYPH_ARROW] = { "->", "→" },
	};

	return glyphs[g][t->utf8];
}

bool term_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

/* East Asian wide characters and emoji take two columns, combining marks none; by blocks, not by table. */
static size_t point_width(uint32_t c)
{
	if (c >= 0x300 && c <= 0x36f)
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
	    (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

/* Walks text until it ends or the columns are used up; returns bytes and adds up columns. */
static size_t walk(const char *text, size_t len, size_t limit, size_t *ret_columns)
{
	size_t at = 0, columns = 0, width;
	uint32_t point;
	unsigned n;

	while (at < len) {
		n = utf8_decode(text + at, len - at, &point);
		width = n ? point_width(point) : 1;
		if (columns + width > limit)
			break;
		columns += width;
		at += n ? n : 1;
	}
	*ret_columns = columns;
	return at;
}

size_t term_width(const char *text, size_t len)
{
	size_t columns;

	walk(text, len, SIZE_MAX, &columns);
	return columns;
}

size_t term_fit(const char *text, size_t len, size_t columns)
{
	size_t used;

	return walk(text, len, columns, &used);
}
