/* SPDX-License-Identifier: MIT */
/* Pieces that several JSON outputs share: process ids, times, exits, argv, one whole process. */
#ifndef TRACER_OUT_JSON_PARTS_H
#define TRACER_OUT_JSON_PARTS_H

#include "base/json.h"
#include "model/finding.h"
#include "model/model.h"

/* "p3", or null for a process outside of the trace. */
void json_field_process(struct json *j, const char *key, const struct model *m, uint32_t index);

/* A moment, counted from the trace's start; null for 0. */
void json_field_moment(struct json *j, const char *key, const struct model *m, uint64_t ts);

void json_field_duration(struct json *j, const char *key, bool known, uint64_t ns);
void json_field_known(struct json *j, const char *key, bool known, uint64_t value);
void json_field_bytes(struct json *j, const char *key, const struct interned *text);
void json_field_exit(struct json *j, const char *key, const struct process *p);
/* NUL-separated arguments as an array. */
void json_field_argv(struct json *j, const char *key, const char *argv, size_t len);

/* All members of a process, as an object; with `list_threads` the threads themselves for their number. */
void json_process(struct json *j, const struct model *m, uint32_t index, bool list_threads);

/* All members of a report but its schema, into an object that is begun. */
void json_report_members(struct json *j, const struct model *m, const struct findings *f,
			 bool list_threads);

#endif
