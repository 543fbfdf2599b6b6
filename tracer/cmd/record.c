/* SPDX-License-Identifier: MIT */
/* forkscope record: write a trace. */
#include "cmd/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/percent.h"
#include "cmd/cmd.h"
#include "cmd/record_options.h"
#include "trace/writer.h"

/* Where the events of a recording go: a trace file. */
struct file_recorder {
	const char *path;
	char **cmdline;
	struct trace_writer *writer;
	struct fs_trace_header header;
	const struct recording *recording;
	bool target_known;
	uint64_t unwritten[FS_EV_MAX]; /* the writer's queue was full */
	uint64_t unwritten_total, unwritten_since;
};

/* Too long to keep (over 1 MB) is no loss: the exec event has all of it. */
static void add_arguments(struct trace_writer *w, const char *key, char **argv)
{
	struct buffer text = { 0 };

	for (char **a = argv; a && *a; a++) {
		if (a > argv)
			buffer_add_char(&text, ' ');
		percent_encode(&text, *a, strlen(*a));
	}
	if (argv && !text.failed)
		(void)trace_writer_meta(w, key, buffer_text(&text));
	buffer_free(&text);
}

static void add_pids(struct trace_writer *w, const struct recording_options *o)
{
	char text[RECORD_MAX_PIDS * 12] = "";
	size_t len = 0;

	for (size_t i = 0; i < o->pid_count; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%d", i ? "," : "",
				(int)o->pids[i]);
	if (len)
		(void)trace_writer_meta(w, "target.pids", text);
}

static int begin(void *context, const struct recording *r, struct failure *why)
{
	struct file_recorder *f = context;
	const struct recording_options *o = recording_options(r);
	const char *reason = recording_sources_why(r);
	struct utsname u;
	char pid[32];
	int err;

	err = trace_writer_open(&f->writer, f->path, &f->header, why);
	if (err)
		return err;
	f->recording = r;
	uname(&u);
	(void)trace_writer_meta(f->writer, "version", FORKSCOPE_VERSION);
	(void)trace_writer_meta(f->writer, "host", u.nodename);
	(void)trace_writer_meta(f->writer, "kernel", u.release);
	(void)trace_writer_meta(f->writer, "arch", u.machine);
	(void)trace_writer_meta(f->writer, "sources", recording_sources(r));
	if (reason)
		(void)trace_writer_meta(f->writer, "sources.why", reason);
	(void)trace_writer_meta(f->writer, "fds", fds_level_names[o->fds]);
	(void)trace_writer_meta(f->writer, "mode",
				o->argv	    ? "run"
				: o->cgroup ? "cgroup"
					    : "attach");
	add_arguments(f->writer, "command", o->argv);
	add_arguments(f->writer, "options", f->cmdline);
	add_pids(f->writer, o);
	if (o->argv) {
		snprintf(pid, sizeof(pid), "%d 0", (int)recording_target(r));
		(void)trace_writer_meta(f->writer, "target", pid);
	}
	return trace_writer_error(f->writer);
}

/* The target's start time comes with its first event; with it a reused pid is told apart. */
static void learn_target(struct file_recorder *f, const struct fs_event *event)
{
	char text[64];

	if (recording_target(f->recording) > 0 &&
	    event->pid != (uint32_t)recording_target(f->recording))
		return;
	f->target_known = true;
	if (recording_target(f->recording) <= 0)
		return;
	snprintf(text, sizeof(text), "%u %llu", event->pid, (unsigned long long)event->start_ns);
	(void)trace_writer_meta(f->writer, "target", text);
}

/* What the writer could not take is told as lost, as soon as it takes something again. */
static int tell_unwritten(struct file_recorder *f, uint64_t now)
{
	for (unsigned type = 0; type < FS_EV_MAX; type++) {
		struct fs_ev_lost e = {
			.h = { .size = sizeof(e),
			       .type = FS_EV_LOST,
			       .source = FS_SOURCE_TRACER,
			       .ts_ns = now },
			.from_ns = f->unwritten_since,
			.to_ns = now,
			.count = f->unwritten[type],
			.lost_type = type,
			.lost_source = FS_SOURCE_TRACER,
		};
		int err;

		if (!f->unwritten[type])
			continue;
		err = trace_writer_event(f->writer, &e.h);
		if (err)
			return err;
		f->unwritten[type] = 0;
	}
	f->unwritten_since = 0;
	return 0;
}

static int on_event(void *context, const struct fs_event *event)
{
	struct file_recorder *f = context;
	int err;

	if (!f->target_known)
		learn_target(f, event);
	if (f->unwritten_since)
		(void)tell_unwritten(f, event->ts_ns);
	err = trace_writer_event(f->writer, event);
	if (err == -ENOBUFS) {
		f->unwritten[event->type % FS_EV_MAX]++;
		f->unwritten_total++;
		if (!f->unwritten_since)
			f->unwritten_since = event->ts_ns;
		return 0;
	}
	return err;
}

static int finish(struct file_recorder *f, const struct recording *r, bool whole,
		  struct failure *why)
{
	struct fs_trace_end end = {
		.lost = (r ? recording_lost(r) : 0) + f->unwritten_total,
		.target_status = r && recording_status(r) >= 0 ? (uint32_t)recording_status(r)
							       : UINT32_MAX,
	};
	struct timespec now;

	if (!f->writer)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	end.end_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	if (f->unwritten_since)
		(void)tell_unwritten(f, end.end_ns);
	return trace_writer_close(f->writer, whole ? &end : NULL, why);
}

int record_to_file(const struct recording_options *options, const char *path, char **cmdline,
		   struct recording **ret_recording, struct failure *why)
{
	struct file_recorder f = { .path = path, .cmdline = cmdline };
	const struct recorder recorder = { .context = &f, .begin = begin, .event = on_event };
	struct recording *r = NULL;
	struct failure late = { 0 };
	int err, close_err;

	trace_header_now(&f.header);
	err = recording_run(options, &recorder, &r, why);
	close_err = finish(&f, r, err == 0 || (r && recording_start_error(r)), &late);
	*ret_recording = r;
	/* A write error is what also made the recording fail: its own words are the better ones. */
	if (close_err && !(r && recording_start_error(r)))
		return fail(why, close_err, "%s", late.text);
	return err;
}

/* --- the command --------------------------------------------------------------------------- */

struct options {
	struct record_options record;
	const char *output;
};

static const struct option_spec output_specs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .help = "the trace (default: forkscope.data)",
	  .offset = offsetof(struct options, output) },
	{ 0 },
};

static const struct option_group groups[] = {
	{ "Target", record_target_specs },
	{ "What to record", record_what_specs },
	{ "Output", output_specs },
	{ 0 },
};

static const struct option_table table = {
	.command = &command_record,
	.examples = { "forkscope record -- make -j4",
		      "forkscope record -o t --fds=full -- python3 x.py",
		      "forkscope record -p 4711" },
	.notes = "The exit status is CMD's own; a CMD that dies of a signal makes forkscope die of "
		 "it.\n"
		 "126: CMD cannot be executed, 127: not found, 125: forkscope itself failed.\n",
	.groups = groups,
	.stop_at_operand = true,
	.max_operands = SIZE_MAX,
};

static int run_record(int argc, char **argv)
{
	struct options o = { .record = RECORD_OPTIONS_INIT, .output = "forkscope.data" };
	struct recording_options recording;
	struct recording *r = NULL;
	struct failure why = { 0 };
	int err, status;

	if (!record_options_go(&table, argc, argv, &o, &recording, &status))
		return status;
	err = record_to_file(&recording, o.output, argv, &r, &why);
	status = record_exit(r, err, &why, o.record.fail_on_loss);
	recording_free(r);
	return status;
}

const struct command command_record = {
	.kind = COMMAND_RECORDS,
	.name = "record",
	.args = "[-o FILE] [-p PID]... [--] CMD...",
	.summary = "write a trace of CMD, or of running processes",
	.run = run_record,
};
