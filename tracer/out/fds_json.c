/* SPDX-License-Identifier: MIT */
/* Open files and their holders as JSON, schema forkscope.fds/1. */
#include "model/ledger.h"
#include "out/holders.h"
#include "out/json_parts.h"
#include "out/out.h"

static void add_holding(struct json *j, const struct model *m, const struct holding *h)
{
	json_object_begin(j);
	json_field_process(j, "process", m, h->process);
	json_field_u64(j, "fd", h->fd);
	json_field_text(j, "got", fd_how_name(h->got));
	json_field_process(j, "from", m, h->from);
	json_field_known(j, "from_fd", h->from_fd != MODEL_NONE, h->from_fd);
	json_field_moment(j, "from_ns", m, h->from_ts);
	json_field_moment(j, "to_ns", m, h->to_ts);
	json_field_text(j, "lost", fd_how_name(h->lost));
	json_field_bool(j, "cloexec", h->cloexec);
	json_key(j, "used");
	if (model_options(m)->fds == FDS_FULL && !model_process(m, h->process)->io_uring)
		json_bool(j, h->used);
	else
		json_null(j);
	json_object_end(j);
}

static void add_other_ends(struct json *j, const struct model *m, uint32_t file)
{
	uint32_t other = MODEL_NONE;
	char key[16];

	json_key(j, "other_ends");
	json_array_begin(j);
	while ((other = model_other_end(m, file, other)) != MODEL_NONE) {
		file_key(key, other);
		json_text(j, key);
	}
	json_array_end(j);
}

static void add_file(struct json *j, const struct model *m, const struct holders *h, uint32_t index)
{
	const struct file *f = model_file(m, index);
	const struct holding *list;
	size_t n = holders_of(h, index, &list), i;
	char key[16];

	if (!n)
		return;
	file_key(key, index);
	json_object_begin(j);
	json_field_text(j, "file", key);
	json_field_text(j, "kind", f->kind);
	json_field_bytes(j, "id", f->kind ? f->id : NULL);
	json_field_hex(j, "identity", f->file);
	json_field_known(j, "ino", f->kind, f->ino);
	json_key(j, "readable");
	if (f->kind)
		json_bool(j, f->f_mode & 1);
	else
		json_null(j);
	json_key(j, "writable");
	if (f->kind)
		json_bool(j, f->f_mode & 2);
	else
		json_null(j);
	json_field_process(j, "opened_by", m, f->opener);
	add_other_ends(j, m, index);
	json_key(j, "holders");
	json_array_begin(j);
	for (i = 0; i < n; i++)
		add_holding(j, m, &list[i]);
	json_array_end(j);
	json_object_end(j);
}

int fds_json(const struct model *m, const struct fds_filter *filter, FILE *to)
{
	struct holders h;
	struct json j;
	uint32_t i;
	int err = holders_gather(&h, m, filter);

	if (err == 0) {
		json_init(&j, to);
		json_object_begin(&j);
		json_field_text(&j, "schema", "forkscope.fds/1");
		json_field_u64(&j, "lost", model_lost(m));
		json_field_bool(&j, "incomplete", model_options(m)->incomplete);
		json_key(&j, "files");
		json_array_begin(&j);
		for (i = 0; i < model_file_count(m); i++)
			add_file(&j, m, &h, i);
		json_array_end(&j);
		json_object_end(&j);
		json_line_end(&j);
		err = json_finish(&j);
	}
	holders_free(&h);
	return err;
}
