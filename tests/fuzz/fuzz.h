/* SPDX-License-Identifier: MIT */
/*
 * Who looks at fuzzed traces. The reader's target (fuzz_reader.c) hands every event that got through to each
 * consumer: a new one is a file fuzz_NAME.c here that defines it, and a line in `consumers`.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "forkscope/event.h"
#include "trace/reader.h"

struct fuzz_consumer {
	/* A trace begins. What it returns is handed to the other two. */
	void *(*begin)(const struct trace_summary *summary);
	void (*event)(void *self, const struct fs_event *e);
	/* The end; frees self. */
	void (*end)(void *self, const struct trace_summary *summary);
};

extern const struct fuzz_consumer fuzz_json;
extern const struct fuzz_consumer fuzz_model;

#endif
