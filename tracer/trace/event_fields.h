/* SPDX-License-Identifier: MIT */
/*
 * The fixed fields of every event type by name, as tables: what outputs of single facts (JSON lines, SQL
 * columns) walk, so that a new field is one line in one place.
 *
 * struct fs_event's own members are not in the tables; nor are the lengths of tails that an output shows
 * anyway (a filename's, a path's), nor reserved members.
 */
#ifndef TRACER_TRACE_EVENT_FIELDS_H
#define TRACER_TRACE_EVENT_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "forkscope/event.h"

enum field_format {
	FIELD_NUMBER = 1, /* unsigned */
	FIELD_SIGNED,
	FIELD_HEX, /* 64 bits that are an identity or a mask, no quantity */
	FIELD_TIME, /* CLOCK_MONOTONIC ns: outputs count from the trace's start */
	FIELD_COMM, /* char[16] */
	FIELD_FLAG, /* true when the lowest bit is set */
	FIELD_TYPE, /* enum fs_event_type, by name */
	FIELD_SOURCE, /* enum fs_source, by name */
};

struct event_field {
	const char *name; /* NULL ends a table */
	uint16_t offset;
	uint8_t size; /* 1, 2, 4, 8, or 16 for a comm */
	uint8_t format;
};

/* The fields of a type, ending with a NULL name; an empty table for types not known here. */
const struct event_field *event_fields(unsigned type);

/* A field of an event that event_problem() has passed; signed ones are sign-extended. */
uint64_t event_field_value(const struct fs_event *e, const struct event_field *field);

#endif
