/* SPDX-License-Identifier: MIT */
/* forkscope view: a trace as one HTML page that needs nothing else. */
#include <stddef.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/reading.h"

struct view_options {
	struct read_options read; /* first, see options.h */
};

static const struct option_group view_groups[] = {
	{ "Output", write_option_specs },
	{ 0 },
};

static const struct option_table view_table = {
	.command = &command_view,
	.examples = { "forkscope view -o story.html", "forkscope view t.data -o story.html",
		      "forkscope record -o t.data -- make; forkscope view t.data -o make.html" },
	.notes = "Without FILE it is forkscope.data; - is stdin.\n"
		 "The page opens from disk in any browser and loads nothing from anywhere.\n"
		 "Open files are told best with a recording of --fds=full.",
	.groups = view_groups,
	.max_operands = 1,
};

static int write_page(void *arg, const struct view *view, bool json, FILE *to)
{
	const struct story *s = arg;

	(void)json;
	return view_html(s->trace.model, &s->findings, view, to);
}

static int run_view(int argc, char **argv)
{
	struct view_options o = { .read = READ_OPTIONS_INIT };
	struct story story;
	const char *path;
	int first, status;

	if (!options_go(&view_table, argc, argv, &o, &first, &status))
		return status;
	if (!o.read.output && isatty(STDOUT_FILENO)) {
		options_bad(&view_table, "a page is not for terminals: write it with -o OUT.html");
		return EXIT_READ_TROUBLE;
	}
	path = trace_operand(argc, argv, first);
	if (story_load(&story, path) < 0)
		return EXIT_READ_TROUBLE;
	o.read.pager = false;
	status = write_view(&o.read, path, true, write_page, &story);
	story_free(&story);
	return status;
}

const struct command command_view = {
	.kind = COMMAND_READS,
	.name = "view",
	.args = "[FILE] -o OUT.html",
	.summary = "a page to look at: time line, tree, open files, findings",
	.options = &view_table,
	.run = run_view,
};
