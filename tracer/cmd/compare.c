/* SPDX-License-Identifier: MIT */
/*
 * forkscope compare: the start methods of one trace, or of several, side by side; or of one command that is run
 * once with each.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/methods.h"
#include "cmd/reading.h"

struct compare {
	struct story *traces;
	struct compared *compared;
	size_t n;
};

struct options {
	struct read_options read; /* first: see read_option_specs */
	const char *methods;
	const char *keep;
	bool follow;
};

static const struct option_spec method_specs[] = {
	{ .name = "methods",
	  .kind = OPTION_TEXT,
	  .arg = "LIST",
	  .help = "run CMD once for each of fork, spawn, forkserver, thread\n"
		  "(with commas between)",
	  .offset = offsetof(struct options, methods) },
	{ .name = "keep",
	  .kind = OPTION_TEXT,
	  .arg = "DIR",
	  .help = "keep the traces of these runs there, as METHOD.data",
	  .offset = offsetof(struct options, keep) },
	{ .name = "follow",
	  .kind = OPTION_FLAG,
	  .help = "let each run go on until its last descendant has ended",
	  .offset = offsetof(struct options, follow) },
	{ 0 },
};

static const struct option_group compare_groups_of_options[] = {
	{ "Running", method_specs },
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table compare_table = {
	.command = &command_compare,
	.examples = { "forkscope compare --methods=fork,spawn,forkserver -- python3 prog.py",
		      "forkscope compare fork.data spawn.data forkserver.data",
		      "forkscope compare --json a.data b.data" },
	.notes = "Children are grouped by trace and start method. Without FILE it is "
		 "forkscope.data.\nWith --methods the command finds the method's name in "
		 "FORKSCOPE_START_METHOD; CPython's\nmultiprocessing takes it as its default.",
	.groups = compare_groups_of_options,
	.max_operands = SIZE_MAX,
};

static int write_compare(void *arg, const struct view *view, bool json, FILE *to)
{
	const struct compare *c = arg;

	return json ? compare_json(c->compared, c->n, to)
		    : compare_text(c->compared, c->n, view, to);
}

/* labels: what the traces are called in the table. What goes wrong is told here. */
static int load_all(struct compare *c, size_t n, char *const *paths, char *const *labels)
{
	size_t i;
	int err;

	c->traces = calloc(n, sizeof(*c->traces));
	c->compared = calloc(n, sizeof(*c->compared));
	if (!c->traces || !c->compared) {
		log_error("cannot compare: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		err = story_load(&c->traces[i], paths[i]);
		if (err < 0)
			return err;
		c->compared[i] = (struct compared){ labels[i], c->traces[i].trace.model,
						    &c->traces[i].findings };
		c->n++;
	}
	return 0;
}

static int compare_traces(const struct options *o, size_t n, char *const *paths,
			  char *const *labels)
{
	struct compare c = { .n = 0 };
	int status = EXIT_READ_TROUBLE;

	if (load_all(&c, n, paths, labels) == 0)
		status = write_view(&o->read, paths[0], false, write_compare, &c);
	while (c.n > 0)
		story_free(&c.traces[--c.n]);
	free(c.traces);
	free(c.compared);
	return status;
}

static int compare_methods(const struct options *o, char **argv)
{
	struct methods m = { .count = 0 };
	struct failure why = { 0 };
	char private_dir[256] = "";
	int status = EXIT_READ_TROUBLE;

	if (methods_parse(&m, o->methods, &why) < 0)
		options_bad(&compare_table, "%s", why.text);
	else if (methods_run(&m, argv, o->keep, o->follow, private_dir, sizeof(private_dir), &why) <
		 0)
		log_error("%s", why.text);
	else
		status = compare_traces(o, m.count, m.traces, m.names);
	methods_free(&m, private_dir);
	return status;
}

static int run_compare(int argc, char **argv)
{
	struct options o = { .read = READ_OPTIONS_INIT };
	char *standard[] = { NULL };
	int first, status;

	if (!options_go(&compare_table, argc, argv, &o, &first, &status))
		return status;
	if (o.methods && first == argc)
		options_bad(&compare_table, "--methods needs a command to run, behind --");
	else if (o.methods)
		return compare_methods(&o, argv + first);
	else if (o.keep || o.follow)
		options_bad(&compare_table, "--%s goes with --methods", o.keep ? "keep" : "follow");
	else if (first < argc)
		return compare_traces(&o, (size_t)(argc - first), argv + first, argv + first);
	else {
		standard[0] = (char *)trace_operand(argc, argv, first);
		return compare_traces(&o, 1, standard, standard);
	}
	return EXIT_READ_TROUBLE;
}

const struct command command_compare = {
	.name = "compare",
	.args = "FILE... | --methods=LIST -- CMD...",
	.kind = COMMAND_READS,
	.summary = "start methods, or whole traces, side by side",
	.run = run_compare,
	.options = &compare_table,
};
