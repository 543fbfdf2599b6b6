/* SPDX-License-Identifier: MIT */
/* What a rule found: made by rules/, shown by out/, which do not know each other. */
#ifndef TRACER_MODEL_FINDING_H
#define TRACER_MODEL_FINDING_H

#include <stddef.h>
#include <stdint.h>

enum severity {
	SEVERITY_NOTE,
	SEVERITY_WARNING,
	SEVERITY_BUG,
};

/* As in JSON. */
static inline const char *severity_name(enum severity s)
{
	return s == SEVERITY_BUG ? "bug" : s == SEVERITY_WARNING ? "warning" : "note";
}

struct finding {
	const char *rule; /* "FS001" */
	const char *name; /* "deadlock-after-fork" */
	enum severity severity;
	uint32_t process; /* index; MODEL_NONE: the trace as a whole */
	const char *title;
	char *detail; /* owned; any bytes of the target may be in it */
	const char *fix;
	char *key; /* owned: what a suppression names; one finding a key */
	uint32_t count; /* how often the same cause was found */
	uint64_t ts; /* when it happened, the first time; 0: it is of no one moment */
};

struct findings {
	struct finding *list;
	size_t count;
	size_t room;
};

#endif
