/* SPDX-License-Identifier: MIT */
/* A text table; see table.h. */
#include "base/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

struct table_cell {
	size_t from; /* in text */
	size_t len;
	size_t width;
	enum style style;
	bool is_note;
};

static void add_cell(struct table *t, enum style style, size_t from, bool is_note)
{
	struct table_cell *c;

	if (t->text.failed || grow(&t->cells, &t->room, t->count, 1, sizeof(*t->cells)) < 0) {
		t->failed = true;
		return;
	}
	c = &t->cells[t->count++];
	*c = (struct table_cell){
		.from = from, .len = t->text.len - from, .style = style, .is_note = is_note
	};
	c->width = term_width(buffer_text(&t->text) + from, c->len);
	if (is_note)
		return;
	if (c->width > t->width[t->in_row])
		t->width[t->in_row] = c->width;
	t->in_row = (t->in_row + 1) % t->columns;
}

void table_init(struct table *t, const char *const *headings)
{
	size_t i;

	*t = (struct table){ 0 };
	for (i = 0; headings[i] && i < TABLE_COLUMNS_MAX; i++)
		t->right[i] = headings[i][0] == '>';
	t->columns = i;
	for (i = 0; i < t->columns; i++)
		table_add(t, STYLE_DIM, headings[i] + t->right[i]);
}

void table_add(struct table *t, enum style style, const char *text)
{
	size_t from = t->text.len;

	buffer_add_text(&t->text, text);
	add_cell(t, style, from, false);
}

void table_printf(struct table *t, enum style style, const char *fmt, ...)
{
	size_t from = t->text.len;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buffer_add_text(&t->text, text);
	add_cell(t, style, from, false);
}

void table_note(struct table *t, enum style style, const char *text)
{
	size_t from = t->text.len;

	buffer_add_text(&t->text, text);
	add_cell(t, style, from, true);
}

static void pad(FILE *to, size_t n)
{
	fprintf(to, "%*s", (int)n, "");
}

/* Text from column `at` on, cut at the edge; true when it was cut. */
static void print_cut(const char *text, const struct table_cell *c, size_t at,
		      const struct term *term, FILE *to)
{
	const char *more = term_glyph(term, GLYPH_MORE);
	size_t more_width = term_width(more, strlen(more)), edge = (size_t)term->width,
	       len = c->len;
	bool cut = term->width > 0 && at + c->width > edge;

	if (cut)
		len = edge > at + more_width ? term_fit(text, c->len, edge - at - more_width) : 0;
	if (c->style != STYLE_PLAIN && len)
		fprintf(to, "%s%.*s%s", term_style(term, c->style), (int)len, text,
			term_style(term, STYLE_PLAIN));
	else
		fwrite(text, 1, len, to);
	if (cut && edge > at + more_width)
		fputs(more, to);
}

/* One row; prints no space behind its last text. */
static void print_row(const struct table *t, const struct table_cell *row, const struct term *term,
		      FILE *to)
{
	const char *all = buffer_text(&t->text);
	size_t i, at = 0, last = t->columns;

	while (last > 0 && row[last - 1].len == 0)
		last--;
	for (i = 0; i < last; i++) {
		size_t fill = t->width[i] - row[i].width;

		if (t->right[i])
			pad(to, fill);
		print_cut(all + row[i].from, &row[i], at + (t->right[i] ? fill : 0), term, to);
		if (i + 1 < last)
			pad(to, (t->right[i] ? 0 : fill) + 2);
		at += t->width[i] + 2;
	}
	fputc('\n', to);
}

int table_print(struct table *t, const struct term *term, FILE *to)
{
	int err = t->failed || t->text.failed ? -ENOMEM : 0;
	size_t i;

	for (i = 0; !err && i < t->count;) {
		if (t->cells[i].is_note) {
			print_cut(buffer_text(&t->text) + t->cells[i].from, &t->cells[i], 0, term,
				  to);
			fputc('\n', to);
			i++;
		} else if (i + t->columns <= t->count) {
			print_row(t, &t->cells[i], term, to);
			i += t->columns;
		} else {
			break;
		}
	}
	buffer_free(&t->text);
	free(t->cells);
	return err;
}
