/* SPDX-License-Identifier: MIT */
/* A trace file as a finished model: what every command that reads the whole of a trace begins with. */
#ifndef TRACER_CMD_LOAD_H
#define TRACER_CMD_LOAD_H

#include "base/fail.h"
#include "model/model.h"
#include "trace/reader.h"

struct loaded {
	struct model *model;
	struct trace_reader *reader; /* read to its end; its META stays readable */
};

/* Reads all of it. A trace that was cut short or damaged is loaded as far as it goes, and marked incomplete. */
int load_trace(struct loaded *ret, const char *path, struct failure *why);
void load_free(struct loaded *l);

/* A model made as the trace's header and META say; for live commands too, which have these but no file. */
int load_new_model(struct model **ret, const struct meta *meta,
		   const struct fs_trace_header *header);

#endif
