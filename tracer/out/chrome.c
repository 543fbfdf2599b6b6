/* SPDX-License-Identifier: MIT */
/*
 * export --format=chrome: JSON in the trace event format, for chrome://tracing, Perfetto and speedscope.
 *
 * A process is a "process" of the viewer under its number here, so that a pid that is used twice is no matter: a slice
 * for its life, within it the runs of a pool's tasks; execs, marks and findings are instants, spans are asynchronous
 * (nothing says that they nest), starts and passings are flows. Times are microseconds from the trace's start.
 */
#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "model/marks.h"
#include "out/export.h"
#include "out/json_parts.h"

struct chrome {
	const struct model *m;
	struct json j;
	uint64_t flows; /* numbers given to flows and spans */
	bool failed; /* no memory for a text */
};

static void field_time(struct chrome *c, const char *key, int64_t ns)
{
	json_key(&c->j, key);
	json_double(&c->j, (double)ns / 1000, 3);
}

static int64_t since_start(const struct chrome *c, uint64_t ts)
{
	return (int64_t)(ts - model_options(c->m)->start_ns);
}

static void field_escaped(struct chrome *c, const char *key, const char *text, size_t len)
{
	struct buffer b = { 0 };

	escape_append(&b, text, len);
	c->failed |= b.failed;
	json_field_text(&c->j, key, buffer_text(&b));
	buffer_free(&b);
}

static const struct process *shown(const struct chrome *c, uint32_t index)
{
	const struct process *p = model_process(c->m, index);

	return p && p->in_trace ? p : NULL;
}

/* What all events have; the caller adds its own and ends the object. */
static void begin_event(struct chrome *c, const char *phase, const char *category,
			const struct process *p, uint32_t tid, uint64_t ts)
{
	json_object_begin(&c->j);
	json_field_text(&c->j, "ph", phase);
	json_field_text(&c->j, "cat", category);
	json_field_u64(&c->j, "pid", p->number);
	json_field_u64(&c->j, "tid", tid ? tid : p->pid);
	field_time(c, "ts", since_start(c, ts));
}

static void name_interned(struct chrome *c, const struct interned *name, const char *otherwise)
{
	if (name)
		field_escaped(c, "name", name->data, name->len);
	else
		json_field_text(&c->j, "name", otherwise);
}

static void write_name(struct chrome *c, const struct process *p)
{
	struct buffer name = { 0 };

	buffer_printf(&name, "p%u ", p->number);
	escape_append(&name, p->comm, strnlen(p->comm, sizeof(p->comm)));
	buffer_printf(&name, " %u", p->pid);
	c->failed |= name.failed;
	begin_event(c, "M", "__metadata", p, 0, model_options(c->m)->start_ns);
	json_field_text(&c->j, "name", "process_name");
	json_key(&c->j, "args");
	json_object_begin(&c->j);
	json_field_text(&c->j, "name", buffer_text(&name));
	json_object_end(&c->j);
	json_object_end(&c->j);
	buffer_free(&name);
}

static void write_life(struct chrome *c, const struct process *p)
{
	uint64_t from = p->birth_ts ? p->birth_ts : model_first_ts(c->m);
	uint64_t to = p->end_ts ? p->end_ts : model_last_ts(c->m);

	begin_event(c, "X", "process", p, 0, from);
	field_time(c, "dur", to > from ? (int64_t)(to - from) : 0);
	field_escaped(c, "name", p->comm, strnlen(p->comm, sizeof(p->comm)));
	json_key(&c->j, "args");
	json_object_begin(&c->j);
	json_field_u64(&c->j, "pid", p->pid);
	json_field_text(&c->j, "start_method", start_method_name(p->start_method));
	json_field_text(&c->j, "mechanism", mechanism_name(p->mechanism));
	json_field_text(&c->j, "role", role_name(p->role));
	json_field_process(&c->j, "logical_parent", c->m, p->logical_parent);
	json_field_exit(&c->j, "exit", p);
	json_object_end(&c->j);
	json_object_end(&c->j);
}

static void write_execs(struct chrome *c, const struct process *p)
{
	const struct image *image;

	for (uint32_t at = p->first_image; (image = model_image(c->m, at)); at = image->next) {
		begin_event(c, "i", "exec", p, 0, image->ts);
		json_field_text(&c->j, "s", "t");
		name_interned(c, image->filename, "exec");
		json_object_end(&c->j);
	}
}

/* An arrow; it begins and ends in the slices of its processes. */
static void write_flow(struct chrome *c, const char *what, const struct process *from,
		       uint64_t from_ts, const struct process *to, uint64_t to_ts)
{
	uint64_t id = ++c->flows;

	if (!from || !to || !from_ts || !to_ts)
		return;
	begin_event(c, "s", what, from, 0, from_ts);
	json_field_text(&c->j, "name", what);
	json_field_u64(&c->j, "id", id);
	json_object_end(&c->j);
	begin_event(c, "f", what, to, 0, to_ts);
	json_field_text(&c->j, "name", what);
	json_field_u64(&c->j, "id", id);
	json_field_text(&c->j, "bp", "e");
	json_object_end(&c->j);
}

static void write_processes(struct chrome *c)
{
	for (size_t i = 0; i < model_born_count(c->m); i++) {
		const struct process *p = shown(c, model_born(c->m, i));

		if (!p)
			continue;
		write_name(c, p);
		write_life(c, p);
		write_execs(c, p);
		write_flow(c, "start", shown(c, p->creator), p->birth_ts, p, p->birth_ts);
	}
}

static void write_passes(struct chrome *c)
{
	const struct fd_pass *pass;

	for (size_t i = 0; (pass = model_pass(c->m, i)); i++)
		if (!pass->error)
			write_flow(c, "fds", shown(c, pass->from), pass->sent_ts,
				   shown(c, pass->to), pass->received_ts);
}

static void write_span_end(struct chrome *c, const char *phase, const struct process *p,
			   const struct mark *mark, uint64_t ts)
{
	begin_event(c, phase, "span", p, mark->tid, ts);
	name_interned(c, mark->name, "span");
	json_field_u64(&c->j, "id", c->flows);
	json_object_end(&c->j);
}

static void write_marks(struct chrome *c)
{
	const struct mark *mark;

	for (size_t i = 0; (mark = model_mark(c->m, i)); i++) {
		const struct process *p = shown(c, mark->process);

		if (!p || mark->kind == MARK_NAME)
			continue;
		if (mark->kind == MARK_SPAN) {
			c->flows++;
			write_span_end(c, "b", p, mark, mark->ts);
			write_span_end(c, "e", p, mark,
				       mark->end_ts ? mark->end_ts : model_last_ts(c->m));
			continue;
		}
		begin_event(c, "i", "mark", p, mark->tid, mark->ts);
		json_field_text(&c->j, "s", "t");
		name_interned(c, mark->name, "mark");
		json_object_end(&c->j);
	}
}

static void write_runs(struct chrome *c)
{
	const struct task_run *r;

	for (uint32_t i = 0; (r = model_run(c->m, i)); i++) {
		const struct pool_worker *w = model_worker(c->m, r->worker);
		const struct process *p = shown(c, w->process);
		uint64_t end = r->end_ts ? r->end_ts : model_last_ts(c->m);

		if (!p || !r->start_ts)
			continue;
		begin_event(c, "X", "task", p, w->tid, r->start_ts);
		field_time(c, "dur", end > r->start_ts ? (int64_t)(end - r->start_ts) : 0);
		name_interned(c, r->task, "task");
		json_key(&c->j, "args");
		json_object_begin(&c->j);
		json_field_u64(&c->j, "first", r->first);
		json_field_u64(&c->j, "count", r->count);
		json_field_u64(&c->j, "failed", r->failed);
		json_object_end(&c->j);
		json_object_end(&c->j);
	}
}

static void write_findings(struct chrome *c, const struct findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];
		const struct process *p = shown(c, one->process);
		struct buffer name = { 0 };

		if (!p)
			continue;
		buffer_printf(&name, "%s %s", one->rule, one->title);
		c->failed |= name.failed;
		begin_event(c, "i", "finding", p, 0, one->ts ? one->ts : p->birth_ts);
		json_field_text(&c->j, "s", "p");
		json_field_text(&c->j, "name", buffer_text(&name));
		json_object_end(&c->j);
		buffer_free(&name);
	}
}

int export_chrome(const struct model *m, const struct findings *f, FILE *to)
{
	struct chrome c = { .m = m };
	int err;

	json_init(&c.j, to);
	json_object_begin(&c.j);
	json_field_text(&c.j, "displayTimeUnit", "ms");
	json_key(&c.j, "traceEvents");
	json_array_begin(&c.j);
	write_processes(&c);
	write_passes(&c);
	write_marks(&c);
	write_runs(&c);
	write_findings(&c, f);
	json_array_end(&c.j);
	json_object_end(&c.j);
	json_line_end(&c.j);
	err = json_finish(&c.j);
	return err ? err : c.failed ? -ENOMEM : 0;
}
