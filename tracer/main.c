/* SPDX-License-Identifier: MIT */
/* The table of commands, and nothing else: what each does is in cmd/. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/help.h"

const struct command *const commands[] = {
	/* clang-format off */
	&command_record,
	&command_trace,
	&command_check,
	&command_report,
	&command_tree,
	&command_fds,
	&command_compare,
	&command_info,
	&command_export,
	&command_view,
	&command_query,
	&command_why,
	&command_doctor,
	/* clang-format on */
	NULL,
};

int main(int argc, char **argv)
{
	const struct command *command = argc > 1 ? help_find(argv[1]) : NULL;

	if (command)
		return command->run(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("forkscope %s\n", FORKSCOPE_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--complete-commands") == 0) {
		help_names(stdout);
		return 0;
	}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
			 (strcmp(argv[1], "help") == 0 && argc == 2))) {
		help_print(stdout);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "help") == 0 && (command = help_find(argv[2])))
		return command->run(2, (char *[]){ argv[2], (char *)"--help", NULL });
	return command_default.run(argc, argv);
}
