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
	int stacks; /* enum stacks_choice */
	bool locks;
	const char *user; /* the target will run as this user; NULL: as we do */
};

/* --stacks: what is taken at each call that starts something. */
enum stacks_choice { STACKS_NONE, STACKS_NATIVE, STACKS_PYTHON, STACKS_ALL };

struct source;

struct source_ops {
	const char *name; /* as in META "sources" and in --source */
	enum fs_source id;
	/* Can be opened here? -errno and why not. May be slow; doctor and `auto` ask. */
	int (*open)(struct source **ret, const struct source_options *options, struct failure *why);
	/*
	 * What the target must find in its environment, "NAME=value" each, NULL-terminated; they replace what has
	 * these names. Valid while the source is open. NULL: nothing. Asked before the target is made.
	 */
	char *const *(*environment)(struct source *s, const char *program);
	/* All sources are open, and the kernel witness is among them; NULL: it need not know. */
	void (*beside_kernel)(struct source *s);
	/* Follows a process that is stopped before its exec, and all that descends from it. */
	int (*follow)(struct source *s, pid_t pid, struct failure *why);
	/* Follows a running process and its descendants; tells what they are and hold. */
	int (*attach)(struct source *s, const pid_t *pids, size_t n, struct failure *why);
	/* To be polled; readable when events wait. They may wait without it, for some milliseconds. */
	int (*fd)(struct source *s);
	/* Hands over what is there. Returns how many, or what the sink returned when it failed. */
	int (*drain)(struct source *s, const struct event_sink *sink);
	/* Events older than this have all been handed over by the last drain; NULL or UINT64_MAX: up to its time. */
	uint64_t (*horizon)(struct source *s);
	/* Events of this type that could not be taken, since the beginning. */
	uint64_t (*lost)(struct source *s, unsigned type);
	/* Processes followed that live. */
	long (*alive)(struct source *s);
	void (*close)(struct source *s);
};

extern const struct source_ops source_bpf;
extern const struct source_ops source_shim;

#endif
