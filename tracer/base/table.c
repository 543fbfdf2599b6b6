/* SPDX-License-Identifier: MIT */
/* A text table; see table.h. */
#include "base/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

/* A last column of text is worth having from this width on. */
#define LAST_ENOUGH 20

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

	while (last > 0 && (row[last - 1].len == 0 || t->hidden[last - 1]))
		last--;
	for (i = 0; i < last && (!term->width || at < (size_t)term->width); i++) {
		size_t fill = t->width[i] - row[i].width;

		if (t->hidden[i])
			continue;
		if (t->right[i])
			pad(to, fill);
		print_cut(all + row[i].from, &row[i], at + (t->right[i] ? fill : 0), term, to);
		if (i + 1 < last)
			pad(to, (t->right[i] ? 0 : fill) + 2);
		at += t->width[i] + 2;
	}
	fputc('\n', to);
}

/* What the columns that are shown take; of the last one, when it holds text, only so much as makes it worth having. */
static size_t width_needed(const struct table *t, size_t last_enough)
{
	size_t sum = 0, width;

	for (size_t i = 0; i < t->columns; i++) {
		width = t->width[i];
		if (i + 1 == t->columns && !t->right[i] && width > last_enough)
			width = last_enough;
		if (!t->hidden[i])
			sum += width + (sum ? 2 : 0);
	}
	return sum;
}

void table_spare(struct table *t, const unsigned char *columns, size_t n)
{
	t->spare = columns;
	t->spare_count = n;
}

bool table_fits(const struct table *t, const struct term *term)
{
	return !term->width || width_needed(t, SIZE_MAX) <= (size_t)term->width;
}

void table_free(struct table *t)
{
	buffer_free(&t->text);
	free(t->cells);
}

/* Leaves out what there is no room for; how many columns. */
static size_t make_room(struct table *t, const struct term *term)
{
	size_t n = 0;

	while (term->width && n < t->spare_count &&
	       width_needed(t, LAST_ENOUGH) > (size_t)term->width)
		t->hidden[t->spare[n++]] = true;
	return n;
}

/* Their headings are the first cells. */
static void name_hidden(const struct table *t, size_t n, const struct term *term, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct table_cell *c = &t->cells[t->spare[i]];

		fprintf(to, "%s%.*s", i ? ", " : term_style(term, STYLE_DIM), (int)c->len,
			buffer_text(&t->text) + c->from);
	}
	if (n)
		fprintf(to, ": no room on this terminal%s\n", term_style(term, STYLE_PLAIN));
}

int table_print(struct table *t, const struct term *term, FILE *to)
{
	int err = t->failed || t->text.failed ? -ENOMEM : 0;
	size_t i, hidden = err ? 0 : make_room(t, term);

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
	name_hidden(t, hidden, term, to);
	table_free(t);
	return err;
}
