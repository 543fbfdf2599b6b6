/* SPDX-License-Identifier: MIT */
/* See help.h. */
#include "cmd/help.h"

#include <string.h>

#include "cmd/cmd.h"

static const char *const headings[] = {
	[COMMAND_RECORDS] = "Recording (a CMD's exit status is handed on; 125: forkscope failed)",
	[COMMAND_READS] =
		"Reading a trace (FILE is forkscope.data unless given; status 0, or 1 for trouble)",
	[COMMAND_HOST] = "This host",
};

const struct command *help_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

void help_names(FILE *to)
{
	for (size_t i = 0; commands[i]; i++)
		fprintf(to, "%s\n", commands[i]->name);
}

void help_print(FILE *to)
{
	fprintf(to,
		"forkscope shows how a program's processes are born, what they inherit, and how "
		"they end.\n\n"
		"  forkscope -- make -j4                     record a command, then print its "
		"story\n"
		"  forkscope record --fds=full -- python3 x.py   write a trace, quietly\n"
		"  forkscope report                          tell the story of the last trace\n");
	for (size_t kind = 0; kind < sizeof(headings) / sizeof(headings[0]); kind++) {
		fprintf(to, "\n%s\n", headings[kind]);
		if (kind == COMMAND_RECORDS)
			fprintf(to, "  %-8s %-38s %s\n", "", "[--] CMD...",
				"record to a temporary trace, then report");
		for (size_t i = 0; commands[i]; i++)
			if ((size_t)commands[i]->kind == kind)
				fprintf(to, "  %-8s %-38s %s\n", commands[i]->name,
					commands[i]->args, commands[i]->summary);
	}
	fprintf(to, "\n'forkscope COMMAND --help' tells a command's options. --version prints the "
		    "version.\n");
}
