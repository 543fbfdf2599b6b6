/* SPDX-License-Identifier: MIT */
/* Why a running tree does not move, for people and for scripts (schema forkscope.why/1). */
#ifndef TRACER_OUT_WHY_H
#define TRACER_OUT_WHY_H

#include <stdio.h>

#include "base/term.h"
#include "model/why.h"

/* The root cause first, then the wait-for graph process by process, stacks, and what could not be seen. */
int why_text(const struct why *w, const struct term *term, FILE *to);
/* One object on one line. */
int why_json(const struct why *w, FILE *to);

#endif
