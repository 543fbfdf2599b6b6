/* SPDX-License-Identifier: MIT */
/* See said.h. The text shows the first few of each kind, the JSON all. */
#include "out/said.h"

#include "base/escape.h"
#include "model/marks.h"
#include "out/json_parts.h"
#include "out/text_parts.h"

#define SHOWN 20
#define RANGES_SHOWN 6

/* --- JSON ---------------------------------------------------------------------------------- */

static void add_mark(struct json *j, const struct model *m, const struct mark *mark)
{
	static const char *const kinds[] = { "mark", "span", "name" };

	json_object_begin(j);
	json_field_text(j, "kind", kinds[mark->kind]);
	json_field_bytes(j, "name", mark->name);
	json_field_process(j, "process", m, mark->process);
	json_field_u64(j, "tid", mark->tid);
	json_field_moment(j, "ts_ns", m, mark->ts);
	if (mark->kind == MARK_SPAN)
		json_field_moment(j, "end_ns", m, mark->end_ts);
	json_field_u64(j, "value", mark->value);
	json_object_end(j);
}

static void add_worker(struct json *j, const struct model *m, const struct pool_worker *w)
{
	json_object_begin(j);
	json_field_process(j, "process", m, w->process);
	json_field_u64(j, "tid", w->tid);
	json_field_moment(j, "start_ns", m, w->start_ts);
	json_field_moment(j, "ready_ns", m, w->ready_ts);
	json_field_moment(j, "end_ns", m, w->exit_ts);
	json_field_u64(j, "runs", w->runs);
	json_field_u64(j, "tasks", w->tasks);
	json_field_u64(j, "failed", w->failed);
	json_field_u64(j, "busy_ns", w->busy_ns);
	json_object_end(j);
}

static void add_run(struct json *j, const struct model *m, const struct task_run *r)
{
	const struct pool_worker *w = model_worker(m, r->worker);

	json_object_begin(j);
	json_field_u64(j, "first", r->first);
	json_field_u64(j, "count", r->count);
	json_field_bytes(j, "task", r->task);
	json_field_process(j, "worker", m, w->process);
	json_field_u64(j, "tid", w->tid);
	json_field_u64(j, "attempt", r->attempt);
	json_field_moment(j, "queued_ns", m, r->queued_ts);
	json_field_moment(j, "start_ns", m, r->start_ts);
	json_field_moment(j, "end_ns", m, r->end_ts);
	json_field_known(j, "failed", r->end_ts != 0, r->failed);
	json_object_end(j);
}

static void add_pool(struct json *j, const struct model *m, uint32_t index)
{
	const struct pool *p = model_pool(m, index);
	const struct pool_worker *w;
	const struct task_run *r;
	uint32_t i;

	json_object_begin(j);
	json_field_process(j, "process", m, p->process);
	json_field_text(j, "start_method", pool_method_name(p));
	json_field_u64(j, "wanted", p->wanted);
	json_field_moment(j, "open_ns", m, p->open_ts);
	json_field_moment(j, "close_ns", m, p->close_ts);
	json_field_u64(j, "tasks", p->tasks);
	json_field_u64(j, "failed", p->failed);
	json_key(j, "workers");
	json_array_begin(j);
	for (i = p->first_worker; (w = model_worker(m, i)); i = w->next)
		add_worker(j, m, w);
	json_array_end(j);
	json_key(j, "runs");
	json_array_begin(j);
	for (i = p->first_worker; (w = model_worker(m, i)); i = w->next)
		for (uint32_t run = w->first_run; (r = model_run(m, run)); run = r->next)
			add_run(j, m, r);
	json_array_end(j);
	json_object_end(j);
}

void said_json(struct json *j, const struct model *m)
{
	const struct mark *mark;

	json_key(j, "marks");
	json_array_begin(j);
	for (size_t i = 0; (mark = model_mark(m, i)); i++)
		add_mark(j, m, mark);
	json_array_end(j);
	json_key(j, "pools");
	json_array_begin(j);
	for (uint32_t i = 0; i < model_pool_count(m); i++)
		add_pool(j, m, i);
	json_array_end(j);
}

/* --- for people ---------------------------------------------------------------------------- */

static struct short_text since_start(const struct model *m, uint64_t ts)
{
	uint64_t start = model_options(m)->start_ns;

	return duration_text(start && ts > start ? ts - start : ts - model_first_ts(m));
}

static void print_mark(const struct model *m, const struct mark *mark, FILE *to)
{
	struct buffer b = { 0 };

	buffer_printf(&b, "  +%s  %s  ", since_start(m, mark->ts).text,
		      process_text(m, mark->process).text);
	if (mark->kind == MARK_NAME)
		buffer_printf(&b, "thread %u is for ", mark->tid);
	if (mark->name)
		escape_append(&b, mark->name->data, mark->name->len);
	if (mark->value)
		buffer_printf(&b, " %llu", (unsigned long long)mark->value);
	if (mark->kind == MARK_SPAN && mark->end_ts)
		buffer_printf(&b, ": %s", duration_text(mark->end_ts - mark->ts).text);
	else if (mark->kind == MARK_SPAN)
		buffer_add_text(&b, ": did not end");
	fprintf(to, "%s\n", buffer_text(&b));
	buffer_free(&b);
}

static void append_range(struct buffer *b, uint64_t from, uint64_t to)
{
	buffer_printf(b, "%llu", (unsigned long long)from);
	if (to > from)
		buffer_printf(b, "-%llu", (unsigned long long)to);
}

/* "0-3, 8-11, ..." */
static void append_ranges(struct buffer *b, const struct model *m, uint32_t run, bool all)
{
	uint64_t from = 0, to = 0;
	const struct task_run *r;
	unsigned n = 0;

	for (; (r = model_run(m, run)); run = r->next) {
		if (!r->start_ts)
			continue;
		if (n && r->first == to + 1) {
			to += r->count;
			continue;
		}
		if (n) {
			append_range(b, from, to);
			buffer_add_text(b, ", ");
		}
		if (n++ == RANGES_SHOWN && !all) {
			buffer_add_text(b, "...");
			return;
		}
		from = r->first;
		to = r->first + r->count - 1;
	}
	if (n)
		append_range(b, from, to);
}

/* The tasks that it had begun and not ended. */
static void append_death(struct buffer *b, const struct model *m, uint32_t run)
{
	const struct task_run *r;

	for (; (r = model_run(m, run)); run = r->next) {
		if (!r->start_ts || r->end_ts)
			continue;
		buffer_add_text(b, "; died in ");
		append_range(b, r->first, r->first + r->count - 1);
	}
}

static void print_worker(const struct model *m, const struct pool_worker *w, const struct view *v,
			 FILE *to)
{
	const struct process *p = model_process(m, w->process);
	struct buffer b = { 0 };

	buffer_printf(&b, "  %s", process_text(m, w->process).text);
	if (p && p->pid != w->tid)
		buffer_printf(&b, " thread %u", w->tid);
	if (w->start_ts)
		buffer_printf(&b, "  started +%s", since_start(m, w->start_ts).text);
	if (w->ready_ts)
		buffer_printf(&b, "  ready +%s", since_start(m, w->ready_ts).text);
	buffer_printf(&b, "  %s task%s in %u run%s", number_text(w->tasks).text,
		      w->tasks == 1 ? "" : "s", w->runs, w->runs == 1 ? "" : "s");
	if (w->runs)
		buffer_printf(&b, ", %s", duration_text(w->busy_ns).text);
	if (w->failed)
		buffer_printf(&b, ", %s failed", number_text(w->failed).text);
	if (w->runs) {
		buffer_add_text(&b, ": ");
		append_ranges(&b, m, w->first_run, v->all);
	}
	if (w->exit_ts)
		append_death(&b, m, w->first_run);
	fprintf(to, "%s\n", buffer_text(&b));
	buffer_free(&b);
}

static void print_pool(const struct model *m, uint32_t index, const struct view *v, FILE *to)
{
	const struct pool *p = model_pool(m, index);
	const char *method = pool_method_name(p);
	const struct pool_worker *w;
	uint32_t shown = 0;

	fprintf(to, "\n%sPool of %s%s%s%s%s: %u worker%s, %s task%s",
		term_style(&v->term, STYLE_BOLD), process_text(m, p->process).text,
		method ? " (" : "", method ? method : "", method ? ")" : "",
		term_style(&v->term, STYLE_PLAIN), p->workers, p->workers == 1 ? "" : "s",
		number_text(p->tasks).text, p->tasks == 1 ? "" : "s");
	if (p->failed)
		fprintf(to, ", %s failed", number_text(p->failed).text);
	fputc('\n', to);
	for (uint32_t i = p->first_worker; (w = model_worker(m, i)); i = w->next) {
		if (shown++ == SHOWN && !v->all) {
			fprintf(to, "  ... and %u more (--all shows them)\n", p->workers - SHOWN);
			return;
		}
		print_worker(m, w, v, to);
	}
}

void said_text(const struct model *m, const struct view *v, FILE *to)
{
	size_t count = model_mark_count(m), shown = v->all || count < SHOWN ? count : SHOWN;

	for (uint32_t i = 0; i < model_pool_count(m); i++)
		print_pool(m, i, v, to);
	if (!count)
		return;
	fprintf(to, "\n%sMarks%s\n", term_style(&v->term, STYLE_BOLD),
		term_style(&v->term, STYLE_PLAIN));
	for (size_t i = 0; i < shown; i++)
		print_mark(m, model_mark(m, i), to);
	if (shown < count)
		fprintf(to, "  ... and %s more (--all shows them)\n",
			number_text(count - shown).text);
}
