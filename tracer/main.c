/* SPDX-License-Identifier: MIT */
/* The table of commands, and nothing else: what each does is in cmd/. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"


const struct command *const commands[] = {
	&command_record,
	&command_trace,
	&command_info,
	&command_export,
	&command_doctor,
	NULL,
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("forkscope %s\n", FORKSCOPE_VERSION);
		return 0;
	}
	for (int i = 0; argc > 1 && commands[i]; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return commands[i]->run(argc - 1, argv + 1);
	log_error("no such command: '%s'", argc > 1 ? argv[1] : "");
	return 125;
}
