/* SPDX-License-Identifier: MIT */
/* The table of commands, and nothing else: what each does is in cmd/. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

const struct command *const commands[] = {
	NULL,
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("forkscope %s\n", FORKSCOPE_VERSION);
		return 0;
	}
	fprintf(stderr, "forkscope: no commands yet\n");
	return EXIT_READ_TROUBLE;
}
