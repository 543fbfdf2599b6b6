/* SPDX-License-Identifier: MIT */
/* The report as JSON, schema forkscope.report/1; see DESIGN.md and doc/json-schema.md. */
#include <stdio.h>

#include "out/holders.h"
#include "out/json_parts.h"
#include "out/out.h"
#include "out/said.h"
#include "out/span.h"

static void add_target(struct json *j, const struct model *m)
{
	const struct model_options *o = model_options(m);
	const struct process *p = model_process(m, model_target(m));
	const struct image *image = p ? model_image(m, p->first_image) : NULL;

	json_key(j, "target");
	json_object_begin(j);
	if (o->command || !image)
		json_field_argv(j, "argv", o->command, o->command_len);
	else
		json_field_argv(j, "argv", image->argv->data, image->argv->len);
	json_field_exit(j, "exit", p);
	json_object_end(j);
}

static void add_losses(struct json *j, const struct model *m)
{
	struct span gap;
	unsigned type;
	size_t at = 0;

	json_field_u64(j, "lost", model_lost(m));
	json_key(j, "lost_by");
	json_object_begin(j);
	for (type = 0; type < FS_EV_MAX; type++)
		if (model_lost_of(m, type))
			json_field_u64(j, model_event_class(type), model_lost_of(m, type));
	json_object_end(j);
	json_key(j, "gaps");
	json_array_begin(j);
	while (next_gap(m, &at, &gap)) {
		json_object_begin(j);
		json_field_moment(j, "from_ns", m, gap.from_ts);
		json_field_moment(j, "to_ns", m, gap.to_ts);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_pass_file(struct json *j, const struct model *m, const struct pass_file *pf)
{
	const struct file *f = model_file(m, pf->file);
	char key[16];

	json_object_begin(j);
	json_field_known(j, "from_fd", pf->from_fd >= 0, (uint64_t)pf->from_fd);
	json_field_known(j, "to_fd", pf->to_fd >= 0, (uint64_t)pf->to_fd);
	json_field_text(j, "kind", f ? f->kind : NULL);
	json_field_bytes(j, "id", f && f->kind ? f->id : NULL);
	if (pf->to_fd >= 0)
		json_field_bool(j, "cloexec", pf->cloexec);
	if (f) {
		file_key(key, pf->file);
		json_field_text(j, "file", key);
	}
	json_object_end(j);
}

static void add_pass(struct json *j, const struct model *m, const struct fd_pass *pass)
{
	uint32_t i;

	json_object_begin(j);
	json_field_moment(j, "ts_ns", m, pass->sent_ts ? pass->sent_ts : pass->received_ts);
	json_field_process(j, "from", m, pass->from);
	json_field_process(j, "to", m, pass->to);
	json_field_process(j, "for", m, pass->for_process);
	json_field_text(j, "via", pass->via == PASS_PIDFD_GETFD ? "pidfd_getfd" : "scm_rights");
	json_field_moment(j, "received_ns", m, pass->received_ts);
	json_field_bool(j, "truncated", pass->truncated);
	if (pass->peek)
		json_field_bool(j, "peek", true);
	if (pass->error)
		json_field_i64(j, "errno", pass->error);
	json_key(j, "files");
	json_array_begin(j);
	for (i = 0; i < pass->files; i++)
		add_pass_file(j, m, model_pass_file(m, pass->first_file + i));
	json_array_end(j);
	json_object_end(j);
}

/* What failed was not passed: those sends have a list of their own. */
static void add_passes(struct json *j, const struct model *m, const char *key, bool failed)
{
	const struct fd_pass *pass;
	size_t i;

	json_key(j, key);
	json_array_begin(j);
	for (i = 0; (pass = model_pass(m, i)); i++)
		if (!pass->error == !failed)
			add_pass(j, m, pass);
	json_array_end(j);
}

static void add_findings(struct json *j, const struct model *m, const struct findings *f)
{
	size_t i;

	json_key(j, "findings");
	json_array_begin(j);
	for (i = 0; i < f->count; i++) {
		json_object_begin(j);
		json_field_text(j, "rule", f->list[i].rule);
		json_field_text(j, "severity", severity_name(f->list[i].severity));
		json_field_process(j, "process", m, f->list[i].process);
		json_field_text(j, "title", f->list[i].title);
		json_field_text(j, "detail", f->list[i].detail);
		json_field_text(j, "fix", f->list[i].fix);
		json_field_text(j, "name", f->list[i].name);
		json_field_text(j, "key", f->list[i].key);
		json_field_u64(j, "count", f->list[i].count);
		json_field_moment(j, "ts_ns", m, f->list[i].ts);
		json_object_end(j);
	}
	json_array_end(j);
}

void json_report_members(struct json *j, const struct model *m, const struct findings *f,
			 bool list_threads)
{
	const struct model_options *o = model_options(m);
	static const char *const levels[] = { "none", "pass", "snapshot", "full" };
	size_t i;

	add_target(j, m);
	json_key(j, "sources");
	json_object_begin(j);
	json_field_bool(j, "bpf", o->bpf);
	json_field_bool(j, "shim", o->shim);
	json_object_end(j);
	json_field_text(j, "fds_level", levels[o->fds & 3]);
	json_field_u64(j, "events", model_events(m));
	add_losses(j, m);
	json_field_bool(j, "incomplete", o->incomplete);
	if (o->incomplete)
		json_field_text(j, "incomplete_why", o->incomplete_why);
	json_key(j, "processes");
	json_array_begin(j);
	for (i = 0; i < model_born_count(m); i++)
		json_process(j, m, model_born(m, i), list_threads);
	json_array_end(j);
	add_passes(j, m, "fd_passes", false);
	add_passes(j, m, "failed_fd_sends", true);
	said_json(j, m);
	add_findings(j, m, f);
}

int report_json(const struct model *m, const struct findings *f, FILE *to)
{
	struct json j;

	json_init(&j, to);
	json_object_begin(&j);
	json_field_text(&j, "schema", "forkscope.report/1");
	json_report_members(&j, m, f, false);
	json_object_end(&j);
	json_line_end(&j);
	return json_finish(&j);
}

int tree_json(const struct model *m, FILE *to)
{
	struct json j;
	size_t i;

	json_init(&j, to);
	json_object_begin(&j);
	json_field_text(&j, "schema", "forkscope.tree/1");
	add_target(&j, m);
	json_field_u64(&j, "lost", model_lost(m));
	json_field_bool(&j, "incomplete", model_options(m)->incomplete);
	json_key(&j, "processes");
	json_array_begin(&j);
	for (i = 0; i < model_born_count(m); i++)
		json_process(&j, m, model_born(m, i), true);
	json_array_end(&j);
	json_object_end(&j);
	json_line_end(&j);
	return json_finish(&j);
}
