/* SPDX-License-Identifier: MIT */
/* forkscope fds: who held each open file, how it got there, who never used it, who keeps a pipe open. */
#include <errno.h>
#include <stddef.h>

#include "base/log.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "cmd/reading.h"

struct fds_options {
	struct read_options read; /* first, see options.h */
	const char *process;
	const char *file;
	bool all;
};

struct fds {
	struct loaded trace;
	struct fds_filter filter;
};

static const struct option_spec fds_specs[] = {
	{ .name = "process",
	  .letter = 'p',
	  .kind = OPTION_TEXT,
	  .arg = "PID",
	  .offset = offsetof(struct fds_options, process),
	  .help = "only files this process held: a pid, or p3 as the report numbers them" },
	{ .name = "file",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .arg = "ID",
	  .offset = offsetof(struct fds_options, file),
	  .help = "only this file: 'pipe:[109]', a path, or f12 as printed here" },
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct fds_options, all),
	  .help = "name every holder: do not fold long lists" },
	{ 0 },
};

static const struct option_group fds_groups[] = {
	{ "What to show", fds_specs },
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table fds_table = {
	.command = &command_fds,
	.examples = { "forkscope fds", "forkscope fds --file 'pipe:[109]' t.data",
		      "forkscope fds --process p3 --json t.data" },
	.notes = "Without FILE it is forkscope.data; - is stdin.\n"
		 "Opens and closes are known to the full with a recording of --fds=full.",
	.groups = fds_groups,
	.max_operands = 1,
};

static int write_fds(void *arg, const struct view *view, bool json, FILE *to)
{
	const struct fds *f = arg;

	return json ? fds_json(f->trace.model, &f->filter, to)
		    : fds_text(f->trace.model, &f->filter, view, to);
}

/* "p3", or a pid: the last process that had it. */
static int find(const struct model *m, const char *text, uint32_t *ret)
{
	uint64_t number;

	if (text[0] == 'p' && parse_u64(text + 1, 0, UINT32_MAX, &number) == 0)
		*ret = model_born(m, number);
	else if (parse_u64(text, 1, UINT32_MAX, &number) == 0)
		*ret = model_find_process(m, (uint32_t)number, 0);
	else
		return -EINVAL;
	return *ret == MODEL_NONE || !model_process(m, *ret)->in_trace ? -ENOENT : 0;
}

static int run_fds(int argc, char **argv)
{
	struct fds_options o = { .read = READ_OPTIONS_INIT };
	struct fds f = { .filter = { .process = MODEL_NONE } };
	struct failure why;
	const char *path;
	int first, status = EXIT_READ_TROUBLE, err = 0;

	if (!options_go(&fds_table, argc, argv, &o, &first, &status))
		return status;
	path = trace_operand(argc, argv, first);
	if (load_trace(&f.trace, path, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	f.filter.file = o.file;
	if (o.process)
		err = find(f.trace.model, o.process, &f.filter.process);
	if (err == -EINVAL)
		options_bad(&fds_table, "--process wants a pid or p3, not '%s'", o.process);
	else if (err < 0)
		log_error("'%s' has no process %s", path, o.process);
	else
		status = write_view(&o.read, path, o.all, write_fds, &f);
	load_free(&f.trace);
	return status;
}

const struct command command_fds = {
	.name = "fds",
	.args = "[--process PID] [--file ID] [FILE]",
	.kind = COMMAND_READS,
	.summary = "who held each open file, how it got there, who never used it",
	.run = run_fds,
};
