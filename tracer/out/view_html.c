/* SPDX-License-Identifier: MIT */
/*
 * The page of `forkscope view`: what scripts/build-view put together, with the trace in it as JSON.
 *
 * The JSON stands in a data block of the page, which ends at the first "</script": so every < in it is written as
 * an escape, which only strings can hold. The page's script puts text of it nowhere but into text nodes and
 * drawings, and its policy forbids the browser to run or load anything else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/ledger.h"
#include "out/holders.h"
#include "out/json_parts.h"
#include "out/out.h"

/* More holdings make a page that no browser likes; the page says where they end. */
#define HOLDINGS_MAX 300000

#define DATA_MARK "@DATA@"

__asm__(".pushsection .rodata\n"
	".global view_page, view_page_end\n"
	"view_page:\n"
	".incbin \"" VIEW_PAGE "\"\n"
	"view_page_end:\n"
	".byte 0\n"
	".popsection\n");
extern const char view_page[] __attribute__((visibility("hidden")));
extern const char view_page_end[] __attribute__((visibility("hidden")));

struct page {
	const struct model *m;
	struct json j;
	size_t holdings;
	bool *named; /* per file: a holding or a passing names it */
};

static int write_all(FILE *to, const char *text, size_t len)
{
	return fwrite(text, 1, len, to) == len ? 0 : errno ? -errno : -EIO;
}

/* A stream's write function: hands on to the FILE in cookie, escaped. */
static ssize_t write_escaped(void *cookie, const char *text, size_t len)
{
	const char *at = text, *end = text + len, *next;

	while (at < end) {
		next = memchr(at, '<', (size_t)(end - at));
		if (write_all(cookie, at, (size_t)((next ? next : end) - at)) < 0 ||
		    (next && write_all(cookie, "\\u003c", 6) < 0))
			return 0;
		at = next ? next + 1 : end;
	}
	return (ssize_t)len;
}

static void add_number(struct json *j, bool known, uint64_t value)
{
	if (known)
		json_u64(j, value);
	else
		json_null(j);
}

static void add_process(struct page *p, uint32_t index)
{
	const struct process *process = model_process(p->m, index);

	add_number(&p->j, process && process->in_trace, process ? process->number : 0);
}

static void add_moment(struct page *p, uint64_t ts)
{
	if (ts)
		json_i64(&p->j, (int64_t)(ts - model_options(p->m)->start_ns));
	else
		json_null(&p->j);
}

/* An array: file, process, fd, got, lost, from_ns, to_ns, from, from_fd, cloexec, used. */
static int add_holding(void *arg, const struct holding *h)
{
	const struct process *of;
	struct page *p = arg;

	if (h->file >= model_file_count(p->m))
		return 0;
	if (p->holdings++ >= HOLDINGS_MAX)
		return -E2BIG;
	of = model_process(p->m, h->process);
	p->named[h->file] = true;
	json_array_begin(&p->j);
	json_u64(&p->j, h->file);
	add_process(p, h->process);
	json_u64(&p->j, h->fd);
	json_text(&p->j, fd_how_name(h->got));
	json_text(&p->j, fd_how_name(h->lost));
	add_moment(p, h->from_ts);
	add_moment(p, h->to_ts);
	add_process(p, h->from);
	add_number(&p->j, h->from_fd != MODEL_NONE, h->from_fd);
	json_u64(&p->j, h->cloexec);
	add_number(&p->j, model_options(p->m)->fds == FDS_FULL && of && !of->io_uring, h->used);
	json_array_end(&p->j);
	return p->j.error;
}

static int add_holdings(struct page *p)
{
	size_t i;
	int err = 0;

	json_key(&p->j, "holdings");
	json_array_begin(&p->j);
	for (i = 0; i < model_born_count(p->m) && !err; i++)
		err = model_holdings(p->m, model_born(p->m, i), add_holding, p);
	json_array_end(&p->j);
	json_field_bool(&p->j, "holdings_complete", err != -E2BIG);
	return err == -E2BIG ? 0 : err;
}

static void add_file(struct page *p, uint32_t index)
{
	const struct file *f = model_file(p->m, index);
	uint32_t other = MODEL_NONE;
	char key[16];

	file_key(key, index);
	json_object_begin(&p->j);
	json_field_text(&p->j, "file", key);
	json_field_text(&p->j, "kind", f->kind);
	json_field_bytes(&p->j, "id", f->kind ? f->id : NULL);
	json_field_u64(&p->j, "mode", f->kind ? f->f_mode & 3 : 0);
	json_field_process(&p->j, "opened_by", p->m, f->opener);
	json_key(&p->j, "other_ends");
	json_array_begin(&p->j);
	while ((other = model_other_end(p->m, index, other)) != MODEL_NONE)
		json_u64(&p->j, other);
	json_array_end(&p->j);
	json_object_end(&p->j);
}

static void name_passed(struct page *p)
{
	const struct fd_pass *pass;
	uint32_t k;
	size_t i;

	for (i = 0; (pass = model_pass(p->m, i)); i++) {
		for (k = 0; k < pass->files; k++) {
			uint32_t file = model_pass_file(p->m, pass->first_file + k)->file;

			if (file < model_file_count(p->m))
				p->named[file] = true;
		}
	}
}

static void add_files(struct page *p)
{
	uint32_t i;

	name_passed(p);
	json_key(&p->j, "files");
	json_object_begin(&p->j);
	for (i = 0; i < model_file_count(p->m); i++) {
		char number[16];

		if (!p->named[i])
			continue;
		snprintf(number, sizeof(number), "%u", i);
		json_key(&p->j, number);
		add_file(p, i);
	}
	json_object_end(&p->j);
}

static int write_data(const struct model *m, const struct findings *f, const char *name, FILE *to)
{
	struct page p = { .m = m, .named = calloc(model_file_count(m) + 1, sizeof(bool)) };
	int err;

	if (!p.named)
		return -ENOMEM;
	json_init(&p.j, to);
	json_object_begin(&p.j);
	json_field_text(&p.j, "schema", "forkscope.view/1");
	json_field_text(&p.j, "name", name);
	json_field_moment(&p.j, "end_ns", m, model_last_ts(m));
	json_report_members(&p.j, m, f, true);
	err = add_holdings(&p);
	add_files(&p);
	json_object_end(&p.j);
	free(p.named);
	/* When it stopped half-way, arrays may be open: what was written is thrown away with the error. */
	return json_finish(&p.j) < 0 ? p.j.error : err;
}

int view_html(const struct model *m, const struct findings *f, const struct view *v, FILE *to)
{
	size_t size = (size_t)(view_page_end - view_page);
	const char *mark = memmem(view_page, size, DATA_MARK, strlen(DATA_MARK)), *rest;
	cookie_io_functions_t io = { .write = write_escaped };
	FILE *escaped;
	int err;

	if (!mark)
		return -EINVAL;
	rest = mark + strlen(DATA_MARK);
	err = write_all(to, view_page, (size_t)(mark - view_page));
	if (err)
		return err;
	escaped = fopencookie(to, "w", io);
	if (!escaped)
		return -ENOMEM;
	err = write_data(m, f, v->name, escaped);
	if (fclose(escaped) != 0 && !err)
		err = errno ? -errno : -EIO;
	return err ? err : write_all(to, rest, (size_t)(view_page_end - rest));
}
