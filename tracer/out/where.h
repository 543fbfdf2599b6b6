/* SPDX-License-Identifier: MIT */
/* Where in the source a process was started. */
#ifndef TRACER_OUT_WHERE_H
#define TRACER_OUT_WHERE_H

#include "base/buffer.h"
#include "base/json.h"
#include "model/model.h"
#include "out/out.h"

/* {"call": "fork", "native": [...], "python": [...]}, or null where the shim did not see it. */
void json_field_where(struct json *j, const char *key, const struct model *m,
		      const struct process *p);

/*
 * The same in a few words for a person, escaped: Python's frames where there are any, else those of C; the
 * outermost first, joined by arrows. False, and nothing appended: not known.
 */
bool where_append(struct buffer *out, const struct model *m, const struct process *p);

/* The report's list: each place in the source that started processes, once. 0 or -ENOMEM. */
int where_print(const struct model *m, const struct view *v, FILE *to);

#endif
