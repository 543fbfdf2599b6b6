/* SPDX-License-Identifier: MIT */
/*
 * One recording, from start to end: a target or processes to attach to, the sources, and a sink that gets
 * all events in the order of time. Commands that record (record, trace, check, the bare command) differ
 * only in the sink.
 */
#ifndef TRACER_CAPTURE_RECORDING_H
#define TRACER_CAPTURE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/source.h"
#include "capture/target.h"

enum source_choice { SOURCE_AUTO = 0, SOURCE_BPF, SOURCE_SHIM, SOURCE_BOTH };

struct recording_options {
	char **argv; /* the command; NULL: attach */
	const pid_t *pids; /* attach to these */
	size_t pid_count;
	const char *cgroup; /* and to this cgroup's members; NULL: no */
	const char *user;
	int fds; /* enum fs_fds_level */
	int source; /* enum source_choice */
	int stacks; /* enum stacks_choice */
	bool locks;
	uint64_t buffer;
	bool follow; /* until the last descendant has ended */
	bool watch_hangs; /* look for processes that nobody can wake; see stuck.h */
	uint64_t hang_timeout_ns; /* and end them after this long; 0: never */
	uint64_t timeout_ns; /* with watch_hangs: end all after this long; 0: never */
	/* With watch_hangs, once: the tree lives, and next to nothing has happened in it for a while. */
	void (*quiet)(const char *who, uint64_t for_ns);
	int status_fd; /* JSON lines about the target; -1: none */
};

struct recording;

/* Whoever takes the events of a recording. All calls come from one thread. */
struct recorder {
	void *context;
	/* Once, before the first event: what is recorded, and by whom. May refuse. */
	int (*begin)(void *context, const struct recording *r, struct failure *why);
	int (*event)(void *context, const struct fs_event *event);
	/* Whenever nothing more waits for the moment (a live command shows what it has). */
	void (*idle)(void *context);
};

/*
 * Runs a recording to its end. Returns 0 when it was finished in order, whatever became of the target; else
 * -errno and why. The target is never left waiting or harmed: a recording that fails before the target's
 * start ends it unstarted, one that fails later lets it go on.
 */
int recording_run(const struct recording_options *options, const struct recorder *recorder,
		  struct recording **ret, struct failure *why);

/* For begin(), and after the end. */
const struct recording_options *recording_options(const struct recording *r);
const char *recording_sources(const struct recording *r); /* "bpf" */
const char *recording_sources_why(const struct recording *r); /* what auto chose, for people */
pid_t recording_target(const struct recording *r); /* -1: attached */
bool recording_started(const struct recording *r); /* the target's exec succeeded */
int recording_start_error(const struct recording *r); /* -errno of finding or exec'ing it */
/* The target's wait status; -1: none, or it still runs. */
int recording_status(const struct recording *r);
bool recording_timed_out(const struct recording *r); /* timeout_ns ended it */
bool recording_ended_hang(const struct recording *r); /* hang_timeout_ns ended some of it */
uint64_t recording_lost(const struct recording *r);
void recording_free(struct recording *r);

#endif
