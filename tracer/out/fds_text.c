/* SPDX-License-Identifier: MIT */
/*
 * Open files for people: each with who held it, under which number, from when to when, how it came there; and
 * for a pipe or socket pair, who holds the other end.
 */
#include <errno.h>

#include "base/escape.h"
#include "base/table.h"
#include "model/ledger.h"
#include "out/holders.h"
#include "out/text_parts.h"
#include "out/tree_text.h"

/* Holders named in one file's block before the rest is folded. */
#define HOLDERS_MAX 12
#define OTHERS_MAX 8

static const char *end_name(const struct file *f)
{
	static const char *const names[] = { "", " (read end)", " (write end)", "" };

	return f->sock_family || !model_kind_has_ends(f) ? "" : names[f->f_mode & 3];
}

/* "inherited from p0", "passed by p0 (its fd 15)" */
static void add_how(struct buffer *b, const struct model *m, const struct holding *h)
{
	buffer_add_text(b, h->got == FD_HOW_UNKNOWN ? "seen in a table" : fd_how_name(h->got));
	switch (h->got) {
	case FD_HOW_INHERITED:
		if (h->from != MODEL_NONE)
			buffer_printf(b, " from %s", process_text(m, h->from).text);
		break;
	case FD_HOW_PASSED:
	case FD_HOW_GETFD:
		buffer_printf(b, " %s %s", h->got == FD_HOW_PASSED ? "by" : "from",
			      process_text(m, h->from).text);
		if (h->from_fd != MODEL_NONE)
			buffer_printf(b, " (its fd %u)", h->from_fd);
		break;
	case FD_HOW_DUPED:
		buffer_printf(b, " from its fd %u", h->from_fd);
		break;
	default:
		break;
	}
}

static struct short_text moment_text(const struct model *m, uint64_t ts)
{
	uint64_t start = model_options(m)->start_ns;

	if (!ts)
		return (struct short_text){ "" };
	return ts < start ? (struct short_text){ "before" } : duration_text(ts - start);
}

static void add_holding(struct table *t, const struct model *m, const struct holding *h)
{
	const struct process *p = model_process(m, h->process);
	bool knows_use = model_options(m)->fds == FDS_FULL && !p->io_uring;
	struct buffer b = { 0 };

	buffer_printf(&b, "  p%u ", p->number);
	add_comm_text(&b, p->comm);
	table_add(t, STYLE_BOLD, buffer_text(&b));
	table_printf(t, STYLE_PLAIN, "%u", h->fd);
	buffer_reset(&b);
	add_how(&b, m, h);
	table_add(t, STYLE_PLAIN, buffer_text(&b));
	table_add(t, STYLE_PLAIN, moment_text(m, h->from_ts).text);
	table_add(t, STYLE_PLAIN, moment_text(m, h->to_ts).text);
	table_add(t, h->lost == FD_HOW_HELD ? STYLE_YELLOW : STYLE_PLAIN, fd_how_name(h->lost));
	table_add(t, h->cloexec ? STYLE_PLAIN : STYLE_DIM, h->cloexec ? "cloexec" : "");
	table_add(t, STYLE_YELLOW, !knows_use || h->used ? "" : "never used");
	buffer_free(&b);
}

/* Who holds the other end: the ones that still do, or else the last that did. */
static void add_others(struct table *t, const struct model *m, const struct holders *all,
		       uint32_t file)
{
	uint32_t other = MODEL_NONE, shown = 0, ends = 0;
	const struct holding *list;
	struct buffer b = { 0 };
	size_t n, i;

	while ((other = model_other_end(m, file, other)) != MODEL_NONE) {
		ends++;
		n = holders_of(all, other, &list);
		for (i = 0; i < n; i++) {
			if (shown++ >= OTHERS_MAX)
				continue;
			buffer_printf(&b, "%s%s fd %u%s", b.len ? ", " : "",
				      process_text(m, list[i].process).text, list[i].fd,
				      list[i].lost == FD_HOW_HELD ? " (still)" : "");
		}
	}
	if (ends) {
		struct buffer line = { 0 };

		buffer_printf(&line, "  other end: %s%s", shown ? buffer_text(&b) : "nobody seen",
			      shown > OTHERS_MAX ? " ..." : "");
		table_note(t, STYLE_CYAN, buffer_text(&line));
		buffer_free(&line);
	}
	buffer_free(&b);
}

static void add_file(struct table *t, const struct model *m, const struct holders *shown,
		     const struct holders *all, uint32_t index, bool unfold)
{
	const struct file *f = model_file(m, index);
	const struct holding *list;
	size_t n = holders_of(shown, index, &list), i;
	struct buffer b = { 0 };

	if (!n)
		return;
	escape_append(&b, f->id->data, f->id->len);
	buffer_printf(&b, "%s  %s  f%u", end_name(f), f->kind ? f->kind : "unknown", index);
	if (f->opener != MODEL_NONE)
		buffer_printf(&b, ", opened by %s", process_text(m, f->opener).text);
	table_note(t, STYLE_BOLD, buffer_text(&b));
	for (i = 0; i < n && (unfold || i < HOLDERS_MAX); i++)
		add_holding(t, m, &list[i]);
	if (i < n) {
		buffer_reset(&b);
		buffer_printf(&b, "  ... and %s more", number_text(n - i).text);
		table_note(t, STYLE_DIM, buffer_text(&b));
	}
	buffer_free(&b);
	add_others(t, m, all, index);
}

int fds_text(const struct model *m, const struct fds_filter *filter, const struct view *v, FILE *to)
{
	static const char *const headings[] = { "PROCESS",  ">FD", "HOW", ">FROM", ">TO",
						"ENDED BY", "",	   "",	  NULL };
	const struct fds_filter everything = { .process = MODEL_NONE };
	struct holders shown, all = { 0 };
	bool filtered = filter->file || filter->process != MODEL_NONE;
	struct table t;
	uint32_t i;
	int err = holders_gather(&shown, m, filter), all_err = 0;

	/* The other end of what was asked for is held by whoever holds it. */
	if (err == 0 && filtered)
		all_err = holders_gather(&all, m, &everything);
	if (err == 0) {
		table_init(&t, headings);
		for (i = 0; i < model_file_count(m); i++)
			add_file(&t, m, &shown, filtered && all_err == 0 ? &all : &shown, i,
				 v->all);
		err = table_print(&t, &v->term, to);
		fputc('\n', to);
		print_summary(m, v, to);
	}
	holders_free(&shown);
	if (filtered)
		holders_free(&all);
	return err ? err : ferror(to) ? -EIO : 0;
}
