/* SPDX-License-Identifier: MIT */
/* A private directory with room for one temporary trace. */
#ifndef TRACER_CMD_PLACE_H
#define TRACER_CMD_PLACE_H

#include "base/fail.h"

struct place {
	char dir[256];
	char trace[288];
};

int make_place(struct place *p, struct failure *why);
void remove_place(const struct place *p);

#endif
