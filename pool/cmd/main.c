/* SPDX-License-Identifier: MIT */
/* The table of commands and the help. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

static const struct command *const commands[] = {
	&map_command,
	&exec_command,
	&bench_command,
	NULL,
};

static int print_overview(void)
{
	printf("Usage: procpool COMMAND [OPTIONS]\n\n"
	       "  procpool map ./tasks.so:resize < names > sizes\n"
	       "  procpool map --start=fork -j 8 --timeout 5 --retries 1 ./tasks.so:parse < in > "
	       "out\n"
	       "  find . -name '*.log' | procpool exec -j 4 -- gzip -9 {}\n\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-6s %s\n", (*c)->name, (*c)->summary);
	printf("\nprocpool COMMAND --help tells a command's options; procpool --version the "
	       "version.\n"
	       "Exit status: 0 all done, 1 some tasks failed, 2 usage or trouble.\n");
	return EXIT_ALL_DONE;
}

int print_help(const struct command *command)
{
	printf("Usage: procpool %s %s\n%s%s\n\n%s", command->name, command->args, "  ",
	       command->summary, command->help);
	return EXIT_ALL_DONE;
}

int main(int argc, char **argv)
{
	pp_main(argc, argv);
	if (argc < 2) {
		complain("no command given; procpool --help lists them");
		return EXIT_TROUBLE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return print_overview();
	if (strcmp(argv[1], "--version") == 0) {
		printf("procpool %s\n", pp_version());
		return EXIT_ALL_DONE;
	}
	for (const struct command *const *c = commands; *c; c++) {
		if (strcmp((*c)->name, argv[1]) == 0)
			return (*c)->run(argc - 1, argv + 1);
	}
	complain("unknown command '%s'; procpool --help lists them", argv[1]);
	return EXIT_TROUBLE;
}
