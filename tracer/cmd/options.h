/* SPDX-License-Identifier: MIT */
/*
 * Command line options as tables.
 *
 * A command describes its options once, as constant data: that table drives getopt_long, prints the
 * grouped --help, words the usage errors, and can be walked for shell completion. Where values go is an
 * offset in a struct of the command's own:
 *
 *     struct report_options {
 *             struct read_options read; // first, see below
 *             bool all;
 *     };
 *     static const struct option_spec report_specs[] = {
 *             { .name = "all", .letter = 'a', .kind = OPTION_FLAG, .help = "show threads too",
 *               .offset = offsetof(struct report_options, all) },
 *             { 0 }
 *     };
 *     static const struct option_group report_groups[] = {
 *             { "What to show", report_specs }, { "Output", read_option_specs }, { 0 }
 *     };
 *     static const struct option_table report_table = {
 *             .command = &command_report,
 *             .examples = { "forkscope report", "...", "..." },
 *             .groups = report_groups,
 *     };
 *
 *     struct report_options o = { .read = READ_OPTIONS_INIT };
 *     int first, status;
 *     if (!options_go(&report_table, argc, argv, &o, &first, &status))
 *             return status;
 *     // operands are argv[first] .. argv[argc - 1]
 *
 * --help is understood everywhere and needs no entry. Options may be abbreviated, as getopt_long does.
 */
#ifndef TRACER_CMD_OPTIONS_H
#define TRACER_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fail.h"

struct command;

/* What an option's argument is, and so the type of the member at `offset`. */
enum option_kind {
	OPTION_FLAG = 1, /* none; bool, set to true */
	OPTION_UNFLAG, /* none; bool, set to false (--no-pager) */
	OPTION_TEXT, /* const char *, into argv */
	OPTION_CHOICE, /* int: index in `choices` */
	OPTION_NUMBER, /* uint64_t, from min to max */
	OPTION_SIZE, /* uint64_t, bytes: 64K, 8M; from min to max */
	OPTION_DURATION, /* uint64_t, nanoseconds: 250ms, 2s; from min to max */
	OPTION_CALL, /* whatever `take` makes of it; the way for options that may be repeated */
};

struct option_spec {
	const char *name; /* without "--"; NULL ends a table */
	char letter; /* 0: no short form */
	enum option_kind kind;
	size_t offset;
	const char *arg; /* its name in the help: "FILE"; a choice shows its choices */
	const char *help; /* lower case, no full stop; '\n' begins a new line */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
	uint64_t min, max; /* max 0: no upper limit */
	/* OPTION_CALL: values is what options_parse got. Returns 0, or a negative errno and why. */
	int (*take)(void *values, const char *text, struct failure *why);
	bool hidden; /* works, and is not in the help */
};

struct option_group {
	const char *heading; /* NULL ends the groups */
	const struct option_spec *specs;
};

struct option_table {
	const struct command *command;
	const char *examples[4]; /* whole command lines, three as a rule */
	const char *notes; /* more help, printed last; may be NULL */
	const struct option_group *groups;
	/* Options end at the first operand (it is a command to run, with options of its own). */
	bool stop_at_operand;
	size_t min_operands, max_operands; /* max: SIZE_MAX for any number */
	int usage_status; /* exit status of a usage error; 0 is EXIT_READ_TROUBLE */
};

enum options_result {
	OPTIONS_GO = 0,
	OPTIONS_DONE, /* --help was asked for and printed: leave with 0 */
	OPTIONS_BAD, /* a usage error, already told in one line */
};

/* Fills `values`; *ret_first is the index of the first operand. Also makes log.h bear the command's name. */
enum options_result options_parse(const struct option_table *table, int argc, char **argv,
				  void *values, int *ret_first);

/*
 * The same for a command's run(): true is OPTIONS_GO; else the command returns *ret_status, which is 0 after
 * --help and the table's usage_status after an error.
 */
bool options_go(const struct option_table *table, int argc, char **argv, void *values,
		int *ret_first, int *ret_status);

/* For a usage error a command finds itself: "TEXT; try 'forkscope report --help'". Returns OPTIONS_BAD. */
enum options_result options_bad(const struct option_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void options_help(const struct option_table *table, FILE *to);

/*
 * The words a shell completes, one a line: "--name", "--name=" before a value, "--name=value" for each of a
 * choice. Every command prints them when its one argument is --complete-options.
 */
void options_words(const struct option_table *table, FILE *to);

/* --- what all reading commands share --- */

enum color_choice { COLOR_AUTO = 0, COLOR_ALWAYS, COLOR_NEVER };

/* The first member of a reading command's own struct: read_option_specs counts on it. */
struct read_options {
	const char *output; /* -o FILE; NULL: stdout */
	int color; /* enum color_choice */
	bool json;
	bool pager;
};

#define READ_OPTIONS_INIT                                                         \
	{                                                                         \
		.output = NULL, .color = COLOR_AUTO, .json = false, .pager = true \
	}

extern const struct option_spec read_option_specs[]; /* -o, --json, --color, --no-pager */
extern const struct option_spec
	write_option_specs[]; /* -o alone: what is printed is for machines */

/* FILE of a reading command that takes at most one: the operand, or "forkscope.data". */
const char *trace_operand(int argc, char **argv, int first);

#endif
