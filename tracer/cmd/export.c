/* SPDX-License-Identifier: MIT */
/*
 * forkscope export: a trace for other programs. A format is one function and one line in `formats`.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "cmd/reading.h"
#include "out/export.h"
#include "trace/event_json.h"
#include "trace/reader.h"

struct export_options {
	struct read_options read; /* first: see options.h */
	int format;
};

/* Reads to the end, for what only the end can tell. 0 or a negative errno and why. */
static int summarize(const char *path, struct trace_summary *ret, struct failure *why)
{
	const struct fs_event *e;
	struct trace_reader *r;
	int err = trace_reader_open(&r, path, why);

	if (err)
		return err;
	while ((err = trace_reader_next(r, &e)) == 1)
		;
	*ret = *trace_reader_summary(r);
	trace_reader_free(r);
	return err ? fail(why, err, "'%s': %s", path, ret->incomplete_why) : 0;
}

/*
 * JSON lines. A regular file is read twice, so that the first line can tell whether the trace is whole and
 * what was lost; a pipe is read once, and there it says null.
 */
static int export_json(const char *path, const struct output *out, struct failure *why)
{
	struct trace_summary *whole = NULL, summary;
	const struct fs_event *e;
	struct trace_reader *r;
	struct json j;
	int err, write_err;

	if (trace_is_rereadable(path)) {
		err = summarize(path, &summary, why);
		if (err)
			return err;
		whole = &summary;
	}
	err = trace_reader_open(&r, path, why);
	if (err)
		return err;
	json_init(&j, out->to);
	event_json_header(&j, &trace_reader_summary(r)->header, trace_reader_metas(r), whole);
	while (!j.error && (err = trace_reader_next(r, &e)) == 1)
		event_json_line(&j, e, trace_reader_summary(r)->header.start_ns);
	write_err = json_finish(&j);
	if (write_err)
		err = fail_errno(why, write_err, "cannot write '%s'", out->path);
	else if (err < 0)
		fail(why, err, "'%s': %s", path, trace_reader_summary(r)->incomplete_why);
	else if (trace_reader_summary(r)->incomplete)
		log_warning("'%s' is incomplete: %s", path,
			    trace_reader_summary(r)->incomplete_why);
	trace_reader_free(r);
	return err < 0 ? err : 0;
}

/*
 * The formats: name, the function that reads events one by one or the one that writes a whole model, and
 * whether what it writes is no text.
 */
#define FORMATS(F)                               \
	F(json, export_json, NULL, false)        \
	F(perfetto, NULL, export_perfetto, true) \
	F(sqlite, NULL, export_sqlite, true)     \
	F(dot, NULL, export_dot, false)          \
	F(mermaid, NULL, export_mermaid, false)  \
	F(chrome, NULL, export_chrome, false)

#define FORMAT_NAME(name, events, model, binary) #name,
static const char *const format_names[] = { FORMATS(FORMAT_NAME) NULL };

struct format {
	int (*events)(const char *path, const struct output *out, struct failure *why);
	int (*model)(const struct model *m, const struct findings *f, FILE *to);
	bool binary;
};

#define FORMAT_ROW(name, events, model, binary) { events, model, binary },
static const struct format formats[] = { FORMATS(FORMAT_ROW) };

static const struct option_spec export_specs[] = {
	{ .name = "format",
	  .kind = OPTION_CHOICE,
	  .choices = format_names,
	  .help = "json: one event a line, the header first\n"
		  "perfetto: a time line for ui.perfetto.dev\n"
		  "sqlite: a database; 'forkscope query' asks it directly\n"
		  "dot, mermaid: the processes as a graph\n"
		  "chrome: a time line as JSON, for chrome://tracing and speedscope",
	  .offset = offsetof(struct export_options, format) },
	{ 0 },
};

static const struct option_group export_groups[] = {
	{ "Format", export_specs },
	{ "Output", write_option_specs },
	{ 0 },
};

static const struct option_table export_table = {
	.command = &command_export,
	.examples = { "forkscope export --format=json -o events.jsonl",
		      "forkscope export --format=json t.data | jq -c 'select(.type == \"exec\") | "
		      ".argv'",
		      "forkscope export --format=perfetto -o t.pftrace t.data",
		      "forkscope export --format=dot t.data | dot -Tsvg -o t.svg" },
	.groups = export_groups,
	.max_operands = 1,
};

/* The trace as it was loaded, for write_view. */
struct exporting {
	struct story story;
	const struct format *format;
};

static int write_model(void *arg, const struct view *view, bool json, FILE *to)
{
	struct exporting *e = arg;

	(void)view;
	(void)json;
	return e->format->model(e->story.trace.model, &e->story.findings, to);
}

static int export_model(const char *path, const struct format *format,
			const struct read_options *read)
{
	struct exporting e = { .format = format };
	int status;

	if (story_load(&e.story, path) < 0)
		return EXIT_READ_TROUBLE;
	if (trace_reader_summary(e.story.trace.reader)->incomplete)
		log_warning("'%s' is incomplete: %s", path,
			    trace_reader_summary(e.story.trace.reader)->incomplete_why);
	status = write_view(read, path, true, write_model, &e);
	story_free(&e.story);
	return status;
}

static int export_events(const char *path, const struct format *format,
			 const struct read_options *read)
{
	struct failure why;
	struct output out;
	int err, close_err;

	if (output_open(&out, read, path, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	err = format->events(path, &out, &why);
	close_err = output_close(&out, err && err != -EIO ? NULL : &why);
	if (err || close_err) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	return EXIT_READ_OK;
}

static int run_export(int argc, char **argv)
{
	struct export_options o = { .read = READ_OPTIONS_INIT, .format = -1 };
	const struct format *format;
	const char *path;
	int first, status;

	if (!options_go(&export_table, argc, argv, &o, &first, &status))
		return status;
	if (o.format < 0) {
		options_bad(&export_table, "--format is missing");
		return EXIT_READ_TROUBLE;
	}
	format = &formats[o.format];
	if (format->binary && !o.read.output && isatty(STDOUT_FILENO)) {
		options_bad(&export_table, "%s is not for terminals: write it with -o FILE",
			    format_names[o.format]);
		return EXIT_READ_TROUBLE;
	}
	path = trace_operand(argc, argv, first);
	/* Data for machines: never paged. */
	o.read.pager = false;
	return format->events ? export_events(path, format, &o.read)
			      : export_model(path, format, &o.read);
}

const struct command command_export = {
	.kind = COMMAND_READS,
	.name = "export",
	.args = "--format=FORMAT [FILE]",
	.summary = "write a trace in a form that other programs read",
	.options = &export_table,
	.run = run_export,
};
