/* SPDX-License-Identifier: MIT */
/*
 * forkscope trace: events as they happen, one line each.
 *
 * The lines go to stderr, since stdout is the target's, or to -o FILE. They are gathered and written when
 * nothing more waits, so that a slow terminal holds up the reader of the ring as little as can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/escape.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/record_options.h"
#include "trace/event_check.h"
#include "trace/event_info.h"
#include "trace/event_json.h"
#include "trace/event_line.h"
#include "trace/writer.h"

struct options {
	struct record_options record;
	const char *output;
	bool json;
	int color; /* enum color_choice */
};

/* Who is who: names and depth in the tree, by pid and start time. */
struct known {
	char comm[16];
	unsigned depth;
};

struct live {
	const struct options *options;
	FILE *to;
	bool color;
	struct json json;
	struct fs_trace_header header;
	struct hashmap known; /* to struct known, which it owns */
	struct buffer text;
	int error;
};

/* --- names ------------------------------------------------------------------------------- */

static struct known *find_known(struct live *l, uint32_t pid, uint64_t start_ns, bool make)
{
	struct known *k;
	uint64_t value;

	if (hashmap_get(&l->known, pid, start_ns, &value))
		return (struct known *)(uintptr_t)value;
	k = make ? calloc(1, sizeof(*k)) : NULL;
	if (k && hashmap_put(&l->known, pid, start_ns, (uintptr_t)k) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

static void set_comm(struct known *k, const char *comm, size_t len)
{
	if (!k)
		return;
	if (len > sizeof(k->comm) - 1)
		len = sizeof(k->comm) - 1;
	memcpy(k->comm, comm, len);
	k->comm[len] = 0;
}

/* What the shim tells of births; the kernel witness, if it is there, told before. */
static void learn_call(struct live *l, const struct fs_ev_call *c)
{
	const struct known *parent = find_known(l, c->h.pid, c->h.start_ns, false);
	struct known *k;

	if (!c->child_pid || c->phase != FS_PHASE_DONE || c->call == FS_LIBC_WAIT ||
	    find_known(l, c->child_pid, c->child_start_ns, false))
		return;
	k = find_known(l, c->child_pid, c->child_start_ns, true);
	if (!k || !parent)
		return;
	memcpy(k->comm, parent->comm, sizeof(k->comm));
	k->depth = parent->depth + 1;
}

static void learn(struct live *l, const struct fs_event *e)
{
	struct event_text comm = event_comm(e);
	struct known *k;

	if (e->type == FS_EV_FORK) {
		const struct fs_ev_fork *f = (const void *)e;
		const struct known *parent = find_known(l, f->parent_pid, f->parent_start_ns,
							false);
		unsigned depth = parent ? parent->depth + 1 : 0;

		k = find_known(l, f->child_pid, f->child_start_ns, true);
		set_comm(k, comm.text, comm.len);
		if (k)
			k->depth = depth;
	} else if (e->type == FS_EV_CALL) {
		learn_call(l, (const struct fs_ev_call *)e);
	} else if (e->type == FS_EV_SHIM_HELLO || e->type == FS_EV_EXEC ||
		   e->type == FS_EV_PROCESS || e->type == FS_EV_EXIT ||
		   (e->type == FS_EV_RENAME && e->tid == e->pid)) {
		set_comm(find_known(l, e->pid, e->start_ns, true), comm.text, comm.len);
	}
}

/* An ended process is remembered until its exit is printed, and no longer. */
static void forget(struct live *l, const struct fs_event *e)
{
	const struct fs_ev_call *c = (const struct fs_ev_call *)e;
	uint32_t pid = e->pid;
	uint64_t start_ns = e->start_ns;

	if (e->type == FS_EV_CALL &&
	    c->call == FS_LIBC_WAIT) { /* the shim alone knows of ends by this */
		pid = c->child_pid;
		start_ns = c->child_start_ns;
	} else if (e->type != FS_EV_EXIT) {
		return;
	}
	free(find_known(l, pid, start_ns, false));
	(void)hashmap_remove(&l->known, pid, start_ns);
}

static void free_known(struct live *l)
{
	struct hashmap_slot *slot;
	size_t at = 0;

	while ((slot = hashmap_next(&l->known, &at)))
		free((struct known *)(uintptr_t)slot->value);
	hashmap_free(&l->known);
}

/* --- lines ------------------------------------------------------------------------------- */

static const char *const tone_colors[] = {
	[TONE_PLAIN] = "",	[TONE_BIRTH] = "\033[32m",   [TONE_EXEC] = "\033[1m",
	[TONE_END] = "\033[2m", [TONE_TROUBLE] = "\033[31m", [TONE_FD] = "\033[36m",
};

static void print_line(struct live *l, const struct fs_event *e)
{
	const struct known *k = find_known(l, e->pid, e->start_ns, false);
	enum line_tone tone = TONE_PLAIN;
	struct buffer name = { 0 };

	buffer_reset(&l->text);
	if (!event_line_append(&l->text, e, &tone))
		return;
	if (k)
		escape_append(&name, k->comm, strlen(k->comm));
	fprintf(l->to, "%12.6f %7u %-15s %*s", (int64_t)(e->ts_ns - l->header.start_ns) / 1e9,
		e->pid, e->pid ? buffer_text(&name) : "-", k ? (int)(k->depth % 32) * 2 : 0, "");
	fprintf(l->to, "%s%s%s\n", l->color ? tone_colors[tone] : "", buffer_text(&l->text),
		l->color && tone ? "\033[0m" : "");
	buffer_free(&name);
}

static int on_event(void *context, const struct fs_event *e)
{
	struct live *l = context;

	if (event_problem(e))
		return 0; /* our own probes' events are sound; this guards the printing */
	if (l->options->json) {
		event_json_line(&l->json, e, l->header.start_ns);
		return 0;
	}
	learn(l, e);
	print_line(l, e);
	forget(l, e);
	return 0;
}

static void on_idle(void *context)
{
	struct live *l = context;

	if (l->options->json)
		json_flush(&l->json);
	if (fflush(l->to) != 0 && !l->error)
		l->error = -errno;
}

static int begin(void *context, const struct recording *r, struct failure *why)
{
	struct live *l = context;
	struct meta meta = { 0 };

	(void)why;
	if (!l->options->json)
		return 0;
	json_init(&l->json, l->to);
	(void)meta_set(&meta, "sources", recording_sources(r));
	(void)meta_set(&meta, "fds", fds_level_names[recording_options(r)->fds]);
	event_json_header(&l->json, &l->header, &meta, NULL);
	meta_free(&meta);
	return 0;
}

/* --- the command -------------------------------------------------------------------------- */

static const char *const color_names[] = { "auto", "always", "never", NULL };

static const struct option_spec output_specs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .help = "write the lines there, not to stderr",
	  .offset = offsetof(struct options, output) },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .help = "JSON lines, the first a header",
	  .offset = offsetof(struct options, json) },
	{ .name = "color",
	  .kind = OPTION_CHOICE,
	  .choices = color_names,
	  .help = "colours; auto: on a terminal, unless NO_COLOR is set",
	  .offset = offsetof(struct options, color) },
	{ 0 },
};

static const struct option_group groups[] = {
	{ "Target", record_target_specs },
	{ "What to trace", record_what_specs },
	{ "Output", output_specs },
	{ 0 },
};

static const struct option_table table = {
	.command = &command_trace,
	.examples = { "forkscope trace -- make", "forkscope trace --fds=pass -p 4711",
		      "forkscope trace --json -o events.jsonl -- ./server" },
	.groups = groups,
	.stop_at_operand = true,
	.max_operands = SIZE_MAX,
};

static int open_output(struct live *l, struct failure *why)
{
	const char *path = l->options->output;
	int fd;

	if (!path) {
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	}
	if (fd < 0)
		return fail_errno(why, -errno, "cannot write '%s'", path ? path : "stderr");
	l->to = fdopen(fd, "w");
	if (!l->to) {
		close(fd);
		return fail_errno(why, -ENOMEM, "cannot write '%s'", path ? path : "stderr");
	}
	setvbuf(l->to, NULL, _IOFBF, 1 << 16);
	l->color = l->options->color == COLOR_ALWAYS ||
		   (l->options->color == COLOR_AUTO && !getenv("NO_COLOR") && isatty(fd));
	return 0;
}

static int close_output(struct live *l, struct failure *why)
{
	int err = l->error;

	if (!l->to)
		return 0;
	if (l->options->json && json_finish(&l->json) < 0 && !err)
		err = l->json.error;
	if (fclose(l->to) != 0 && !err)
		err = -errno;
	if (err)
		fail_errno(why, err, "cannot write '%s'",
			   l->options->output ? l->options->output : "stderr");
	return err;
}

static int run_trace(int argc, char **argv)
{
	struct options o = { .record = RECORD_OPTIONS_INIT };
	struct live l = { .options = &o };
	const struct recorder recorder = { &l, begin, on_event, on_idle };
	struct recording_options recording;
	struct recording *r = NULL;
	struct failure why = { 0 }, late = { 0 };
	int err, status;

	if (!record_options_go(&table, argc, argv, &o, &recording, &status))
		return status;
	trace_header_now(&l.header);
	err = open_output(&l, &why);
	if (!err)
		err = recording_run(&recording, &recorder, &r, &why);
	if (close_output(&l, &late) < 0 && !err) {
		err = late.error;
		why = late;
	}
	status = record_exit(r, err, &why, o.record.fail_on_loss);
	recording_free(r);
	free_known(&l);
	buffer_free(&l.text);
	return status;
}

const struct command command_trace = {
	.kind = COMMAND_RECORDS,
	.name = "trace",
	.args = "[-p PID]... [--] CMD...",
	.summary = "print events as they happen, one line each",
	.run = run_trace,
};
