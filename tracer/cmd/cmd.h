/* SPDX-License-Identifier: MIT */
/*
 * The family of commands. A command is one file here that defines one struct command, and one line in
 * the table of tracer/main.c.
 */
#ifndef TRACER_CMD_CMD_H
#define TRACER_CMD_CMD_H

/* Exit statuses that DESIGN.md promises to scripts. */
enum {
	EXIT_READ_OK = 0,
	EXIT_READ_TROUBLE = 1, /* reading commands: usage or trouble */
	EXIT_RECORD_TROUBLE = 125,
	EXIT_CANNOT_EXECUTE = 126,
	EXIT_NOT_FOUND = 127,
};

struct option_table;

/* Where the help lists a command. */
enum command_kind { COMMAND_RECORDS, COMMAND_READS, COMMAND_HOST };

struct command {
	enum command_kind kind;
	const char *name;
	const char *args; /* for the help: "[-o FILE] [-p PID]... [--] CMD..." */
	const char *summary; /* one line, lower case, no full stop */
	/* argv[0] is the command's name. Returns the exit status. */
	int (*run)(int argc, char **argv);
	const struct option_table *options; /* for shell completion; NULL: none to tell */
};

/* The table, NULL-terminated; main.c owns it. */
extern const struct command *const commands[];

/* Each command, by the file that defines it. */
extern const struct command command_default; /* no name: the bare command */
extern const struct command command_record;
extern const struct command command_trace;
extern const struct command command_doctor;
extern const struct command command_info;
extern const struct command command_export;
extern const struct command command_query;
extern const struct command command_view;
extern const struct command command_report;
extern const struct command command_tree;
extern const struct command command_fds;
extern const struct command command_compare;
extern const struct command command_why;
extern const struct command command_check;

#endif
