/* SPDX-License-Identifier: MIT */
/*
 * The family of `procpool` commands. A command is one file here that defines one struct command, and one
 * line in the table of main.c.
 */
#ifndef PROCPOOL_CMD_CMD_H
#define PROCPOOL_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "procpool.h"

/* Exit statuses that DESIGN.md promises to scripts. */
enum {
	EXIT_ALL_DONE = 0,
	EXIT_SOME_FAILED = 1,
	EXIT_TROUBLE = 2, /* usage or trouble */
};

struct command {
	const char *name;
	const char *args;
	const char *summary; /* one line, lower case, no full stop */
	const char *help; /* the options, one a line */
	/* argv[0] is the command's name. Returns the exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct command map_command, exec_command, bench_command;

/* Prints "procpool: ..." on stderr, one line whatever the arguments hold. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints a command's help on stdout. Returns EXIT_ALL_DONE. */
int print_help(const struct command *command);

/* CLOCK_MONOTONIC. */
int64_t clock_ns(void);

/* Checked numbers: false after a complaint that names the option. */
bool parse_count(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret);
bool parse_seconds(const char *option, const char *text, int64_t *ret_ns);
bool parse_start(const char *text, enum pp_start *ret_start);

/*
 * Takes the caller's stdin and stdout for this program alone: their fds move up, 0 becomes /dev/null and
 * 1 a copy of stderr, so that no worker can read our input or write into our output.
 */
bool take_stdio(int *ret_in, int *ret_out);

/* Blocks SIGINT, SIGTERM and SIGHUP and returns a signalfd for them; -1 after a complaint. */
int open_signals(void);

/* Ends this process as the signal would have, quietly. */
void die_of(int sig) __attribute__((noreturn));

#endif
