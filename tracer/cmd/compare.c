/* SPDX-License-Identifier: MIT */
/* forkscope compare: the start methods of one trace, or of several, side by side. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "cmd/reading.h"

struct compare {
	struct loaded *traces;
	struct compared *compared;
	size_t n;
};

static const struct option_group compare_groups_of_options[] = {
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table compare_table = {
	.command = &command_compare,
	.examples = { "forkscope compare t.data",
		      "forkscope compare fork.data spawn.data forkserver.data",
		      "forkscope compare --json a.data b.data" },
	.notes = "Children are grouped by trace and start method. Without FILE it is "
		 "forkscope.data.",
	.groups = compare_groups_of_options,
	.max_operands = SIZE_MAX,
};

static int write_compare(void *arg, const struct view *view, bool json, FILE *to)
{
	const struct compare *c = arg;

	return json ? compare_json(c->compared, c->n, to)
		    : compare_text(c->compared, c->n, view, to);
}

static int load_all(struct compare *c, int n, char **names, struct failure *why)
{
	int i, err;

	for (i = 0; i < n; i++) {
		err = load_trace(&c->traces[i], names[i], why);
		if (err < 0)
			return err;
		c->compared[i] = (struct compared){ names[i], c->traces[i].model };
		c->n++;
	}
	return 0;
}

static int run_compare(int argc, char **argv)
{
	struct read_options o = READ_OPTIONS_INIT;
	char *standard[] = { NULL }, **names;
	struct compare c = { .n = 0 };
	struct failure why;
	int first, n, status = EXIT_READ_TROUBLE;

	if (!options_go(&compare_table, argc, argv, &o, &first, &status))
		return status;
	n = argc - first;
	names = argv + first;
	if (n == 0) {
		standard[0] = (char *)trace_operand(argc, argv, first);
		names = standard;
		n = 1;
	}
	c.traces = calloc((size_t)n, sizeof(*c.traces));
	c.compared = calloc((size_t)n, sizeof(*c.compared));
	if (!c.traces || !c.compared)
		log_error("out of memory");
	else if (load_all(&c, n, names, &why) < 0)
		log_error("%s", why.text);
	else
		status = write_view(&o, names[0], false, write_compare, &c);
	while (c.n > 0)
		load_free(&c.traces[--c.n]);
	free(c.traces);
	free(c.compared);
	return status;
}

const struct command command_compare = {
	.name = "compare",
	.args = "FILE...",
	.kind = COMMAND_READS,
	.summary = "start methods, or whole traces, side by side",
	.run = run_compare,
};
