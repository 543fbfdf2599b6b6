/* SPDX-License-Identifier: MIT */
/* Names for the addresses in a model's native stacks, looked up in the files of this machine. */
#ifndef TRACER_CMD_WHERE_H
#define TRACER_CMD_WHERE_H

#include "model/model.h"

/* For calls that made a process. Without memory what is left has no names. */
void where_resolve(struct model *m);

#endif
