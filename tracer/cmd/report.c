/* SPDX-License-Identifier: MIT */
/* forkscope report and tree: the story of a trace, or its tree alone. */
#include <stddef.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "cmd/reading.h"
#include "cmd/where.h"
#include "rules/rule.h"

struct report_options {
	struct read_options read; /* first, see options.h */
	bool all;
};

struct report {
	struct loaded trace;
	struct findings findings;
	bool tree_only;
};

static const struct option_spec report_specs[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct report_options, all),
	  .help = "show every process: do not fold alike children" },
	{ 0 },
};

static const struct option_group report_groups[] = {
	{ "What to show", report_specs },
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table report_table = {
	.command = &command_report,
	.examples = { "forkscope report", "forkscope report --all t.data",
		      "forkscope report --json -o report.json t.data" },
	.notes = "Without FILE it is forkscope.data; - is stdin.",
	.groups = report_groups,
	.max_operands = 1,
};

static const struct option_table tree_table = {
	.command = &command_tree,
	.examples = { "forkscope tree", "forkscope tree --all t.data",
		      "forkscope tree --json t.data" },
	.notes = "Without FILE it is forkscope.data; - is stdin.",
	.groups = report_groups,
	.max_operands = 1,
};

static int write_report(void *arg, const struct view *view, bool json, FILE *to)
{
	const struct report *r = arg;

	if (r->tree_only)
		return json ? tree_json(r->trace.model, to) : tree_text(r->trace.model, view, to);
	return json ? report_json(r->trace.model, &r->findings, to)
		    : report_text(r->trace.model, &r->findings, view, to);
}

static int run(const struct option_table *table, int argc, char **argv, bool tree_only)
{
	struct report_options o = { .read = READ_OPTIONS_INIT };
	struct report r = { .tree_only = tree_only };
	struct failure why;
	const char *path;
	int first, status;

	if (!options_go(table, argc, argv, &o, &first, &status))
		return status;
	path = trace_operand(argc, argv, first);
	if (load_trace(&r.trace, path, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	where_resolve(r.trace.model);
	if (!tree_only && rules_run(r.trace.model, &r.findings) < 0) {
		log_error("out of memory");
		status = EXIT_READ_TROUBLE;
	} else {
		status = write_view(&o.read, path, o.all, write_report, &r);
	}
	findings_free(&r.findings);
	load_free(&r.trace);
	return status;
}

static int run_report(int argc, char **argv)
{
	return run(&report_table, argc, argv, false);
}

static int run_tree(int argc, char **argv)
{
	return run(&tree_table, argc, argv, true);
}

const struct command command_report = {
	.kind = COMMAND_READS,
	.name = "report",
	.args = "[FILE]",
	.summary = "the story: who started whom, what they inherited, how they ended",
	.run = run_report,
};

const struct command command_tree = {
	.kind = COMMAND_READS,
	.name = "tree",
	.args = "[FILE]",
	.summary = "the tree of processes alone",
	.run = run_tree,
};
