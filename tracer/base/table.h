/* SPDX-License-Identifier: MIT */
/*
 * A text table: columns as wide as they need to be, two spaces between. Where a terminal is too narrow, columns that
 * can be spared are left out, and a last line names them; then the last ones are cut at its edge.
 *
 * Cells are given row by row; a note is a line of its own that no column minds. Text must be fit for a
 * terminal already (escape.h).
 */
#ifndef TRACER_BASE_TABLE_H
#define TRACER_BASE_TABLE_H

#include <stdio.h>

#include "base/buffer.h"
#include "base/term.h"

#define TABLE_COLUMNS_MAX 24

struct table_cell;

struct table {
	size_t columns;
	bool right[TABLE_COLUMNS_MAX]; /* numbers stand to the right */
	size_t width[TABLE_COLUMNS_MAX];
	bool hidden[TABLE_COLUMNS_MAX];
	const unsigned char *spare; /* numbers of columns, the first to go first */
	size_t spare_count;
	struct buffer text;
	struct table_cell *cells;
	size_t count, room;
	size_t in_row; /* cells of the row at hand */
	bool failed;
};

/* headings: NULL-terminated; one that begins with '>' makes a column of numbers. */
void table_init(struct table *t, const char *const *headings);
void table_add(struct table *t, enum style style, const char *text);
void table_printf(struct table *t, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Between rows only. */
void table_note(struct table *t, enum style style, const char *text);

/* Which columns can be left out, in this order; the list must outlive the table. */
void table_spare(struct table *t, const unsigned char *columns, size_t n);

/* Whether nothing need be cut or left out, as it is now. */
bool table_fits(const struct table *t, const struct term *term);

void table_free(struct table *t);

/* Prints and frees. 0, or -ENOMEM. */
int table_print(struct table *t, const struct term *term, FILE *to);

#endif
