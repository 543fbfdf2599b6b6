/* SPDX-License-Identifier: MIT */
/* See place.h. */
#include "cmd/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int place_make(struct place *ret, struct failure *why)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || !*tmp || strlen(tmp) > 200)
		tmp = "/tmp";
	snprintf(ret->dir, sizeof(ret->dir), "%s/forkscope-XXXXXX", tmp);
	if (!mkdtemp(ret->dir))
		return fail_errno(why, -errno, "cannot make a directory in '%s'", tmp);
	snprintf(ret->trace, sizeof(ret->trace), "%s/trace", ret->dir);
	return 0;
}

void place_remove(const struct place *p)
{
	(void)unlink(p->trace);
	(void)rmdir(p->dir);
}
