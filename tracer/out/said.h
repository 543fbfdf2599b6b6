/* SPDX-License-Identifier: MIT */
/* What programs said of themselves, for the report: marks, spans, names, pools and who ran which task. */
#ifndef TRACER_OUT_SAID_H
#define TRACER_OUT_SAID_H

#include <stdio.h>

#include "base/json.h"
#include "model/model.h"
#include "out/out.h"

/* Members "marks" and "pools" of an object that is begun. */
void said_json(struct json *j, const struct model *m);
/* Nothing when nothing was said. */
void said_text(const struct model *m, const struct view *v, FILE *to);

#endif
