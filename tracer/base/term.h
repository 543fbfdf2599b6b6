/* SPDX-License-Identifier: MIT */
/*
 * What a terminal can show: colours, tree glyphs (each with an ASCII twin), the width of text.
 */
#ifndef TRACER_BASE_TERM_H
#define TRACER_BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>

struct term {
	bool color;
	bool utf8;
	int width; /* columns; 0: do not cut */
};

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_RED,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_CYAN,
};

enum glyph {
	GLYPH_BRANCH, /* a child with siblings after it */
	GLYPH_LAST, /* the last child */
	GLYPH_BAR, /* a sibling line that goes on */
	GLYPH_BLANK,
	GLYPH_MORE, /* text was cut here */
	GLYPH_DOT, /* between facts */
	GLYPH_ARROW,
};

/* The sequence that begins a style; "" without colour. STYLE_PLAIN ends one. */
const char *term_style(const struct term *t, enum style s);
const char *term_glyph(const struct term *t, enum glyph g);

/* Whether the environment (LC_ALL, LC_CTYPE, LANG, the first that is set) says UTF-8. */
bool term_is_utf8(void);

/* Columns of a text without control characters; what is no UTF-8 counts one a byte. */
size_t term_width(const char *text, size_t len);

/* How many bytes of the text fit into so many columns. */
size_t term_fit(const char *text, size_t len, size_t columns);

#endif
