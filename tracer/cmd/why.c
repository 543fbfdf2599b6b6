/* SPDX-License-Identifier: MIT */
/* forkscope why: looks at a running tree of processes, and tells why it does not move. */
#include "out/why.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/parse.h"
#include "capture/look.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/output.h"

enum {
	EXIT_WHY_EXPLAINED = 0,
	EXIT_WHY_NOTHING_STUCK = 1,
	EXIT_WHY_TROUBLE = 2,
};

#define PID_LIMIT 4194304
#define WATCH_NS 1000000000ull

struct options {
	struct read_options read;
	bool watch;
};

static const struct option_spec why_specs[] = {
	{ .name = "watch",
	  .letter = 'w',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, watch),
	  .help = "look again each second and tell what is new, until the process ends" },
	{ 0 },
};

static const struct option_group groups[] = {
	{ "Looking", why_specs },
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table table = {
	.command = &command_why,
	.examples = { "forkscope why 4711", "sudo forkscope why --watch $(pgrep -o gunicorn)",
		      "forkscope why --json 4711 | jq .root" },
	.notes = "The first line is the root cause. Nothing is stopped, signalled or slowed.\n"
		 "Exit status: 0 explained, 1 nothing is stuck, 2 trouble.",
	.groups = groups,
	.min_operands = 1,
	.max_operands = 1,
	.usage_status = EXIT_WHY_TROUBLE,
};

/* Looks and judges; *ret_status is the exit status this gives. */
static int look(pid_t pid, struct snapshot *s, struct why *judged, int *ret_status,
		struct failure *why)
{
	int err = look_at_tree(s, pid, why);

	if (err)
		return err;
	err = why_judge(judged, s);
	if (err) {
		why_free(judged);
		snapshot_free(s);
		return fail_errno(why, err, "cannot judge what was seen");
	}
	*ret_status = judged->stuck ? EXIT_WHY_EXPLAINED : EXIT_WHY_NOTHING_STUCK;
	return 0;
}

static int write_one(const struct options *o, const struct why *judged, struct output *out)
{
	struct term term = { .color = out->color, .utf8 = term_is_utf8(), .width = out->width };
	int err = o->read.json ? why_json(judged, out->to) : why_text(judged, &term, out->to);

	return err ? err : fflush(out->to) ? -errno : 0;
}

static volatile sig_atomic_t asked_to_end;

static void on_signal(int sig)
{
	(void)sig;
	asked_to_end = 1;
}

/* What must change for a watcher to be told again. */
static bool is_news(const struct why *judged, struct buffer *last)
{
	if (last->len && strcmp(buffer_text(last), buffer_text(&judged->text)) == 0)
		return false;
	buffer_reset(last);
	buffer_add_text(last, buffer_text(&judged->text));
	return true;
}

/* Once, or until the process is gone or we are told to end. 0 or negative errno and why. */
static int go(const struct options *o, pid_t pid, struct output *out, int *ret_status,
	      struct failure *why)
{
	const struct timespec second = { .tv_nsec = 0, .tv_sec = WATCH_NS / 1000000000 };
	struct buffer last = { 0 };
	bool again = false;
	int err = 0;

	do {
		struct snapshot s;
		struct why judged;

		err = look(pid, &s, &judged, ret_status, why);
		if (err) {
			/* That it ended is what a watcher waits for. */
			if (again && err == -ESRCH)
				err = 0;
			break;
		}
		if (!o->watch || is_news(&judged, &last)) {
			if (again && !o->read.json)
				fputc('\n', out->to);
			err = write_one(o, &judged, out);
		}
		why_free(&judged);
		snapshot_free(&s);
		if (err)
			fail_errno(why, err, "cannot write '%s'", out->path);
		again = true;
	} while (!err && o->watch && !asked_to_end && nanosleep(&second, NULL) == 0);
	buffer_free(&last);
	return err;
}

static int run_why(int argc, char **argv)
{
	const struct sigaction on_end = { .sa_handler = on_signal };
	struct options o = { .read = READ_OPTIONS_INIT };
	struct failure why = { 0 };
	struct output out;
	uint64_t pid;
	int first, status;

	if (!options_go(&table, argc, argv, &o, &first, &status))
		return status;
	if (parse_u64(argv[first], 1, PID_LIMIT, &pid) < 0) {
		options_bad(&table, "'%s' is no process id", argv[first]);
		return EXIT_WHY_TROUBLE;
	}
	if (o.watch) {
		o.read.pager = false;
		sigaction(SIGINT, &on_end, NULL);
		sigaction(SIGTERM, &on_end, NULL);
	}
	if (output_open(&out, &o.read, NULL, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_WHY_TROUBLE;
	}
	if (go(&o, (pid_t)pid, &out, &status, &why) < 0) {
		log_error("%s", why.text);
		status = EXIT_WHY_TROUBLE;
	}
	if (output_close(&out, &why) < 0) {
		log_error("%s", why.text);
		status = EXIT_WHY_TROUBLE;
	}
	return status;
}

const struct command command_why = {
	.kind = COMMAND_HOST,
	.name = "why",
	.args = "[--watch] PID",
	.summary = "explain why a running tree does not move",
	.run = run_why,
	.options = &table,
};
