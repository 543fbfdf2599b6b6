/* SPDX-License-Identifier: MIT */
/*
 * forkscope info: what a trace holds, read to its end. Says of a damaged one how far it goes and why.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/percent.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "trace/event_info.h"
#include "trace/event_json.h"
#include "trace/reader.h"

enum { GAPS_MAX = 1000 };

/* What info tells; a trace that lost often has many gaps, of which the first are kept. */
struct info {
	const char *path;
	struct trace_reader *reader;
	const struct trace_summary *summary;
	size_t gaps;
	struct gap {
		uint64_t from_ns, to_ns;
	} gap[GAPS_MAX];
};

static const struct option_group info_groups[] = {
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table info_table = {
	.command = &command_info,
	.examples = { "forkscope info", "forkscope info t.data", "forkscope info --json t.data" },
	.notes = "Without FILE it is forkscope.data; - is stdin.",
	.groups = info_groups,
	.max_operands = 1,
};

static uint64_t duration_ns(const struct trace_summary *s)
{
	uint64_t end = s->has_end ? s->end.end_ns : s->last_ns;

	return end > s->header.start_ns ? end - s->header.start_ns : 0;
}

/* "2026-11-20T12:34:56Z"; false when the header's clocks give no time. */
static bool start_time(const struct trace_summary *s, char *text, size_t size)
{
	time_t seconds =
		(time_t)((s->header.start_ns + (uint64_t)s->header.wall_offset_ns) / 1000000000u);
	struct tm tm;

	return gmtime_r(&seconds, &tm) && strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
}

static bool has_status(const struct trace_summary *s)
{
	return s->has_end && s->end.target_status != UINT32_MAX;
}

/* --- JSON --- */

static void add_end(struct json *j, const struct trace_summary *s)
{
	json_key(j, "exit");
	if (!has_status(s)) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	if (WIFSIGNALED(s->end.target_status)) {
		json_field_u64(j, "signal", (uint64_t)WTERMSIG(s->end.target_status));
		json_field_bool(j, "core", WCOREDUMP(s->end.target_status));
	} else {
		json_field_u64(j, "code", (uint64_t)WEXITSTATUS(s->end.target_status));
	}
	json_object_end(j);
}

static void add_command(struct json *j, const char *command)
{
	struct event_text rest, arg;
	struct buffer argv = { 0 };

	json_key(j, "command");
	if (!command) {
		json_null(j);
		return;
	}
	percent_decode_argv(&argv, command);
	rest = (struct event_text){ buffer_text(&argv), argv.len };
	json_array_begin(j);
	while (event_next_component(&rest, &arg))
		json_string(j, arg.text, arg.len);
	json_array_end(j);
	buffer_free(&argv);
}

static void add_gaps(struct json *j, const struct info *info)
{
	size_t i;

	json_key(j, "gaps");
	json_array_begin(j);
	for (i = 0; i < info->gaps; i++) {
		json_object_begin(j);
		json_field_i64(j, "from_ns", (int64_t)info->gap[i].from_ns);
		json_field_i64(j, "to_ns", (int64_t)info->gap[i].to_ns);
		json_object_end(j);
	}
	json_array_end(j);
}

static int write_json(const struct info *info, FILE *to)
{
	const struct trace_summary *s = info->summary;
	char text[64];
	struct json j;

	json_init(&j, to);
	json_object_begin(&j);
	json_field_text(&j, "schema", "forkscope.info/1");
	json_field_text(&j, "file", info->path);
	json_field_u64(&j, "major", s->header.major);
	json_field_u64(&j, "minor", s->header.minor);
	json_field_bool(&j, "incomplete", s->incomplete);
	json_field_text(&j, "incomplete_why", s->incomplete ? s->incomplete_why : NULL);
	json_field_text(&j, "started", start_time(s, text, sizeof(text)) ? text : NULL);
	json_field_u64(&j, "duration_ns", duration_ns(s));
	add_command(&j, trace_reader_meta(info->reader, "command"));
	add_end(&j, s);
	json_key(&j, "meta");
	event_json_meta(&j, trace_reader_metas(info->reader));
	json_field_u64(&j, "bytes", s->bytes);
	json_field_u64(&j, "chunks", s->chunks);
	json_field_u64(&j, "unknown_chunks", s->unknown_chunks);
	json_field_u64(&j, "events", s->events);
	json_key(&j, "events_by");
	event_json_counts(&j, s->by_type);
	json_field_u64(&j, "unknown_events", s->unknown_events);
	json_field_u64(&j, "lost", s->lost);
	json_key(&j, "lost_by");
	event_json_counts(&j, s->lost_by_type);
	add_gaps(&j, info);
	json_object_end(&j);
	json_line_end(&j);
	return json_finish(&j);
}

/* --- text --- */

/* "command  ls -l": label, then text from the trace, escaped. Nothing when there is no text. */
static void print_meta(const struct info *info, FILE *to, const char *label, const char *key)
{
	const char *value = trace_reader_meta(info->reader, key);
	struct buffer out = { 0 };

	if (!value)
		return;
	escape_append(&out, value, strlen(value));
	fprintf(to, "%-10s %s\n", label, buffer_text(&out));
	buffer_free(&out);
}

/* Likewise for a list of arguments, as a shell takes them. */
static void print_argv(const struct info *info, FILE *to, const char *label, const char *key)
{
	const char *list = trace_reader_meta(info->reader, key);
	struct buffer argv = { 0 }, out = { 0 };

	if (!list)
		return;
	percent_decode_argv(&argv, list);
	escape_quote_argv(&out, buffer_text(&argv), argv.len);
	fprintf(to, "%-10s %s\n", label, buffer_text(&out));
	buffer_free(&argv);
	buffer_free(&out);
}

static void print_status(const struct trace_summary *s, FILE *to)
{
	if (!has_status(s))
		return;
	if (WIFSIGNALED(s->end.target_status))
		fprintf(to, "%-10s by signal %d%s\n", "ended", WTERMSIG(s->end.target_status),
			WCOREDUMP(s->end.target_status) ? ", core dumped" : "");
	else
		fprintf(to, "%-10s with status %d\n", "ended", WEXITSTATUS(s->end.target_status));
}

static void print_counts(FILE *to, const uint64_t by_type[FS_EV_MAX])
{
	unsigned type;

	for (type = 0; type < FS_EV_MAX; type++) {
		const char *name = event_type_name(type);

		if (by_type[type])
			fprintf(to, "%10s %12" PRIu64 "  %s\n", "", by_type[type],
				name ? name : "(types this forkscope does not know)");
	}
}

static void print_file(const struct info *info, FILE *to)
{
	const struct trace_summary *s = info->summary;
	struct buffer path = { 0 };
	char started[64];

	escape_append(&path, info->path, strlen(info->path));
	fprintf(to, "%-10s %s: format %u.%u, %" PRIu64 " bytes in %" PRIu64 " chunks\n", "trace",
		buffer_text(&path), s->header.major, s->header.minor, s->bytes, s->chunks);
	buffer_free(&path);
	if (s->incomplete)
		fprintf(to, "%-10s %s\n", "incomplete", s->incomplete_why);
	if (start_time(s, started, sizeof(started)))
		fprintf(to, "%-10s %s, for %.3f s\n", "recorded", started,
			(double)duration_ns(s) / 1e9);
}

static void write_text(const struct info *info, FILE *to)
{
	const struct trace_summary *s = info->summary;

	print_file(info, to);
	print_argv(info, to, "command", "command");
	print_status(s, to);
	print_meta(info, to, "attached", "target.pids");
	print_meta(info, to, "host", "host");
	print_meta(info, to, "kernel", "kernel");
	print_meta(info, to, "arch", "arch");
	print_meta(info, to, "forkscope", "version");
	print_argv(info, to, "options", "options");
	print_meta(info, to, "sources", "sources");
	print_meta(info, to, "", "sources.why");
	print_meta(info, to, "fds", "fds");
	fprintf(to, "%-10s %12" PRIu64 "\n", "events", s->events);
	print_counts(to, s->by_type);
	if (s->unknown_events || s->unknown_chunks)
		fprintf(to,
			"%-10s %12" PRIu64 " events and %" PRIu64 " chunks of a newer forkscope\n",
			"skipped", s->unknown_events, s->unknown_chunks);
	fprintf(to, "%-10s %12" PRIu64 "\n", "lost", s->lost);
	print_counts(to, s->lost_by_type);
}

/* --- the command --- */

static int read_all(struct info *info, struct failure *why)
{
	const struct fs_event *e;
	int got;

	while ((got = trace_reader_next(info->reader, &e)) == 1) {
		const struct fs_ev_lost *lost = (const struct fs_ev_lost *)e;
		uint64_t start = info->summary->header.start_ns;

		if (e->type == FS_EV_LOST && info->gaps < GAPS_MAX)
			info->gap[info->gaps++] = (struct gap){ lost->from_ns - start,
								lost->to_ns - start };
	}
	if (got < 0)
		return fail(why, got, "'%s': %s", info->path, info->summary->incomplete_why);
	return 0;
}

static int write_info(const struct read_options *options, const struct info *info,
		      struct failure *why)
{
	struct output out;
	int err = output_open(&out, options, info->path, why), json_err = 0;

	if (err)
		return err;
	if (options->json)
		json_err = write_json(info, out.to);
	else
		write_text(info, out.to);
	err = output_close(&out, why);
	if (json_err && !err)
		err = fail_errno(why, json_err, "cannot write '%s'", out.path);
	return err;
}

static int run_info(int argc, char **argv)
{
	struct read_options o = READ_OPTIONS_INIT;
	struct info *info;
	struct failure why;
	int first, status, err;

	if (!options_go(&info_table, argc, argv, &o, &first, &status))
		return status;
	info = calloc(1, sizeof(*info));
	if (!info) {
		log_error("out of memory");
		return EXIT_READ_TROUBLE;
	}
	info->path = trace_operand(argc, argv, first);
	err = trace_reader_open(&info->reader, info->path, &why);
	if (!err) {
		info->summary = trace_reader_summary(info->reader);
		err = read_all(info, &why);
		if (!err)
			err = write_info(&o, info, &why);
		trace_reader_free(info->reader);
	}
	free(info);
	if (err)
		log_error("%s", why.text);
	return err ? EXIT_READ_TROUBLE : EXIT_READ_OK;
}

const struct command command_info = {
	.kind = COMMAND_READS,
	.name = "info",
	.args = "[FILE]",
	.summary = "what a trace holds",
	.options = &info_table,
	.run = run_info,
};
