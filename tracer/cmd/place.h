/* SPDX-License-Identifier: MIT */
/* A private directory for what a command keeps only while it runs: under $TMPDIR, else /tmp; mode 0700. */
#ifndef TRACER_CMD_PLACE_H
#define TRACER_CMD_PLACE_H

#include "base/fail.h"

struct place {
	char dir[256];
	char trace[288]; /* a path in it */
};

int place_make(struct place *ret, struct failure *why);

/* With the trace; what else was put there must be gone before. */
void place_remove(const struct place *p);

#endif
