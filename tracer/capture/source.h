/* SPDX-License-Identifier: MIT */
/*
 * The family of sources: witnesses that deliver events while a recording runs. A source is one file that
 * defines one struct source_ops, and one line in the table of recording.c.
 *
 * All calls come from one thread, in this order: open, then attach or follow, then wait and drain as often
 * as one likes, then close. A source hands each event to the sink as it comes and keeps none.
 */
#ifndef TRACER_CAPTURE_SOURCE_H
#define TRACER_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fail.h"
#include "forkscope/bpf_config.h"
#include "forkscope/event.h"

/* Who takes events. The event is valid during the call. */
struct event_sink {
	int (*event)(void *context, const struct fs_event *event);
	void *context;
};

struct source_options {
	enum fs_fds_level fds;
	uint64_t buffer; /* bytes of the ring; 0: the default */
	const char *cgroup; /* follow what is in this cgroup; NULL: no */
	bool odd; /* tell calls that only rules care about */
	bool attaches; /* attach() will be called */
};

struct source;

struct source_ops {
	const char *name; /* as in META "sources" and in --source */
	enum fs_source id;
	/* Can be opened here? -errno and why not. May be slow; doctor and `auto` ask. */
	int (*open)(struct source **ret, const struct source_options *options, struct failure *why);
	/* Follows a process that is stopped before its exec, and all that descends from it. */
	int (*follow)(struct source *s, pid_t pid, struct failure *why);
	/* Follows a running process and its descendants; tells what they are and hold. */
	int (*attach)(struct source *s, const pid_t *pids, size_t n, struct failure *why);
	/* To be polled; readable when events wait. They may wait without it, for some milliseconds. */
	int (*fd)(struct source *s);
	/* Hands over what is there. Returns how many, or what the sink returned when it failed. */
	int (*drain)(struct source *s, const struct event_sink *sink);
	/* Events of this type that could not be taken, since the beginning. */
	uint64_t (*lost)(struct source *s, unsigned type);
	/* Processes followed that live. */
	long (*alive)(struct source *s);
	void (*close)(struct source *s);
};

extern const struct source_ops source_bpf;

#endif
