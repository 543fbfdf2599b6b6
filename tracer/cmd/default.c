/* SPDX-License-Identifier: MIT */
/*
 * forkscope [--] CMD...: record to a temporary trace in a private directory, print the report, and end as the
 * target ended.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/help.h"
#include "cmd/place.h"
#include "cmd/record.h"
#include "cmd/record_options.h"

struct options {
	struct record_options record;
	struct read_options read;
};

static const char *const color_names[] = { "auto", "always", "never", NULL };

/* The reading options again, since their common table counts on struct read_options being first. */
static const struct option_spec output_specs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .help = "write the report there, not to stdout",
	  .offset = offsetof(struct options, read.output) },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .help = "the report as JSON",
	  .offset = offsetof(struct options, read.json) },
	{ .name = "color",
	  .kind = OPTION_CHOICE,
	  .choices = color_names,
	  .help = "colours",
	  .offset = offsetof(struct options, read.color) },
	{ .name = "no-pager",
	  .kind = OPTION_UNFLAG,
	  .help = "do not page the report",
	  .offset = offsetof(struct options, read.pager) },
	{ 0 },
};

static const struct option_group groups[] = {
	{ "Target", record_target_specs },
	{ "What to record", record_what_specs },
	{ "Output", output_specs },
	{ 0 },
};

static const struct option_table table = {
	.command = &command_default,
	.examples = { "forkscope -- make -j4", "forkscope --fds=full -- python3 x.py",
		      "forkscope --json -o report.json -- ./server" },
	.groups = groups,
	.stop_at_operand = true,
	.max_operands = SIZE_MAX,
};

static int print_report(const struct options *o, const char *trace)
{
	char color[32];
	char *argv[9];
	int n = 0;

	snprintf(color, sizeof(color), "--color=%s", color_names[o->read.color]);
	argv[n++] = (char *)"report";
	argv[n++] = color;
	if (o->read.json)
		argv[n++] = (char *)"--json";
	if (!o->read.pager)
		argv[n++] = (char *)"--no-pager";
	if (o->read.output) {
		argv[n++] = (char *)"-o";
		argv[n++] = (char *)o->read.output;
	}
	argv[n++] = (char *)trace;
	argv[n] = NULL;
	optind = 0;
	return command_report.run(n, argv);
}

static int run_default(int argc, char **argv)
{
	struct options o = { .record = RECORD_OPTIONS_INIT, .read = READ_OPTIONS_INIT };
	struct recording_options recording;
	struct recording *r = NULL;
	struct failure why = { 0 };
	struct place place;
	int err, status, report_status = EXIT_READ_OK;

	if (!record_options_go(&table, argc, argv, &o, &recording, &status))
		return status;
	if (place_make(&place, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_RECORD_TROUBLE;
	}
	err = record_to_file(&recording, place.trace, argv, &r, &why);
	if (!err)
		report_status = print_report(&o, place.trace);
	place_remove(&place);
	status = report_status == EXIT_READ_OK ? record_exit(r, err, &why, o.record.fail_on_loss)
					       : EXIT_RECORD_TROUBLE;
	recording_free(r);
	return status;
}

const struct command command_default = {
	.kind = COMMAND_RECORDS,
	.name = "",
	.args = "[--] CMD...",
	.summary = "record to a temporary trace, then print the report",
	.run = run_default,
};
