/* SPDX-License-Identifier: MIT */
/* The program's own help, made from the table of commands. */
#ifndef TRACER_CMD_HELP_H
#define TRACER_CMD_HELP_H

#include <stdio.h>

struct command;

void help_print(FILE *to);

/* The command of that name; NULL: there is none. */
const struct command *help_find(const char *name);

/* The commands' names, one a line, for shells to complete. */
void help_names(FILE *to);

#endif
