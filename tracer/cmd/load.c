/* SPDX-License-Identifier: MIT */
/* A trace file as a finished model; see load.h. */
#include "cmd/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/percent.h"

/* A trace that does not say its level is taken to have what a recording has by default. */
static enum fds_level level_of(const char *text)
{
	static const char *const names[] = { "none", "pass", "snapshot", "full" };
	size_t i;

	for (i = 0; text && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum fds_level)i;
	return FDS_SNAPSHOT;
}

/* "4711 1234567890": pid and start. */
static void read_target(struct model_options *o, const char *text)
{
	char *end;
	unsigned long long pid, start;

	if (!text || *text < '0' || *text > '9')
		return;
	errno = 0;
	pid = strtoull(text, &end, 10);
	if (errno || *end != ' ' || pid > UINT32_MAX || end[1] < '0' || end[1] > '9')
		return;
	start = strtoull(end + 1, &end, 10);
	if (errno || *end != '\0')
		return;
	o->target_pid = (uint32_t)pid;
	o->target_start_ns = start;
}

int load_new_model(struct model **ret, const struct meta *meta,
		   const struct fs_trace_header *header)
{
	const char *sources = meta_get(meta, "sources"), *argv = meta_get(meta, "command");
	struct model_options o = {
		.start_ns = header->start_ns,
		.boot_offset_ns = header->boot_offset_ns,
		.fds = level_of(meta_get(meta, "fds")),
		.bpf = sources && strstr(sources, "bpf"),
		.shim = sources && strstr(sources, "shim"),
		.sources_why = meta_get(meta, "sources.why"),
	};
	struct buffer command = { 0 };
	int err;

	read_target(&o, meta_get(meta, "target"));
	if (argv) {
		percent_decode_argv(&command, argv);
		o.command = buffer_text(&command);
		o.command_len = command.len;
	}
	err = model_new(ret, &o);
	buffer_free(&command);
	return err;
}

static int feed(struct loaded *l, const char *path, struct failure *why)
{
	const struct fs_event *e;
	int got, err;

	while ((got = trace_reader_next(l->reader, &e)) == 1) {
		err = model_add(l->model, e);
		if (err < 0)
			return fail_errno(why, err, "cannot take in all of '%s'", path);
	}
	/* What could be read stands; the summary says that it is not all. */
	if (got < 0 && got != -EIO)
		return fail_errno(why, got, "cannot read '%s'", path);
	if (got < 0 || trace_reader_summary(l->reader)->incomplete) {
		err = model_set_incomplete(l->model,
					   trace_reader_summary(l->reader)->incomplete_why);
		if (err < 0)
			return fail_errno(why, err, "cannot take in all of '%s'", path);
	}
	err = model_finish(l->model);
	return err < 0 ? fail_errno(why, err, "cannot take in all of '%s'", path) : 0;
}

int load_trace(struct loaded *ret, const char *path, struct failure *why)
{
	struct loaded l = { .model = NULL };
	int err = trace_reader_open(&l.reader, path, why);

	if (err < 0)
		return err;
	err = load_new_model(&l.model, trace_reader_metas(l.reader),
			     &trace_reader_summary(l.reader)->header);
	if (err < 0)
		err = fail_errno(why, err, "cannot read '%s'", path);
	else
		err = feed(&l, path, why);
	if (err < 0) {
		load_free(&l);
		return err;
	}
	*ret = l;
	return 0;
}

void load_free(struct loaded *l)
{
	model_free(l->model);
	trace_reader_free(l->reader);
}
