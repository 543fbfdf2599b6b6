/* SPDX-License-Identifier: MIT */
/* forkscope query: SQL on a trace, which is made a database in memory for it. */
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/reading.h"
#include "out/sql.h"

struct query_options {
	struct read_options read; /* first, see options.h */
};

static const struct option_group query_groups[] = {
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table query_table = {
	.command = &command_query,
	.examples = { "forkscope query t.data 'SELECT id, pid, command FROM process'",
		      "forkscope query --json t.data 'SELECT * FROM fd_pass'",
		      "forkscope query t.data 'SELECT name, sql FROM sqlite_schema'" },
	.notes =
		"Tables: process, thread, exec, arg, file, other_end, holding, fd_pass, pass_file, "
		"finding,\ngap, lost, trace; forkscope-query(1) tells their columns. FILE - is "
		"stdin.",
	.groups = query_groups,
	.min_operands = 2,
	.max_operands = 2,
};

static int ask(sqlite3 *db, const char *path, const char *sql, const struct read_options *o)
{
	struct failure why;
	struct output out;
	struct term term;
	int err, close_err;

	if (output_open(&out, o, path, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	term = (struct term){ .color = out.color, .utf8 = term_is_utf8(), .width = out.width };
	err = sql_query(db, sql, o->json, &term, out.to, &why);
	close_err = output_close(&out, err ? NULL : &why);
	if (!err && !close_err)
		return EXIT_READ_OK;
	log_error("%s", why.text);
	return EXIT_READ_TROUBLE;
}

static int run_query(int argc, char **argv)
{
	struct query_options o = { .read = READ_OPTIONS_INIT };
	struct story story;
	int first, status, err;
	sqlite3 *db;

	if (!options_go(&query_table, argc, argv, &o, &first, &status))
		return status;
	if (story_load(&story, argv[first]) < 0)
		return EXIT_READ_TROUBLE;
	err = sql_build(&db, story.trace.model, &story.findings);
	story_free(&story);
	if (err < 0) {
		log_error("cannot make a database of '%s': %s", argv[first], strerror(-err));
		return EXIT_READ_TROUBLE;
	}
	status = ask(db, argv[first], argv[first + 1], &o.read);
	sqlite3_close(db);
	return status;
}

const struct command command_query = {
	.kind = COMMAND_READS,
	.name = "query",
	.args = "FILE SQL",
	.summary = "ask a trace in SQL",
	.options = &query_table,
	.run = run_query,
};
