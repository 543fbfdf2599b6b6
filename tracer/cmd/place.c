/* SPDX-License-Identifier: MIT */
/* See place.h. */
#include "cmd/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int make_place(struct place *p, struct failure *why)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || !*tmp || strlen(tmp) > 200)
		tmp = "/tmp";
	snprintf(p->dir, sizeof(p->dir), "%s/forkscope-XXXXXX", tmp);
	if (!mkdtemp(p->dir))
		return fail_errno(why, -errno, "cannot make a directory in '%s'", tmp);
	snprintf(p->trace, sizeof(p->trace), "%s/trace", p->dir);
	return 0;
}

void remove_place(const struct place *p)
{
	(void)unlink(p->trace);
	(void)rmdir(p->dir);
}
