/* SPDX-License-Identifier: MIT */
/*
 * procpool-worker: the image of fresh workers and fork servers for programs that do not call pp_main().
 * Tasks come from the shared objects that define them. Not to be run by hand.
 */
#include <stdio.h>

#include "procpool.h"

int main(int argc, char **argv)
{
	pp_main(argc, argv);
	fprintf(stderr,
		"procpool-worker: is started by libprocpool, not by hand; see procpool(3)\n");
	return 2;
}
