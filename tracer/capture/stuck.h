/* SPDX-License-Identifier: MIT */
/*
 * The hang watcher: while a recording runs it looks at the followed processes, some times a second, and tells as
 * events which threads wait where nobody can release them (FS_EV_FUTEX_STUCK), and which read a pipe that
 * only processes of the tree could write (FS_EV_BLOCKED).
 *
 * What it sees are facts: verdicts are the rules'. It also ends what is proven stuck after a time limit, so
 * that a recording of a program that hangs comes to an end.
 */
#ifndef TRACER_CAPTURE_STUCK_H
#define TRACER_CAPTURE_STUCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/source.h"

struct stuck_watch;

/* kill_after_ns: how long a proven hang may last; 0: it is never ended. NULL: no memory. */
struct stuck_watch *stuck_watch_new(uint64_t kill_after_ns);
void stuck_watch_free(struct stuck_watch *w);

/* The shim is the only witness: its calls tell who is born, and /proc who has ended. */
void stuck_watch_by_shim(struct stuck_watch *w);

/* How many of those known live. */
size_t stuck_watch_alive(const struct stuck_watch *w);

/* The first process. */
void stuck_watch_add(struct stuck_watch *w, pid_t pid);

/* Every event of the recording goes through here: who is born, who exec'ed, who ended. */
void stuck_watch_event(struct stuck_watch *w, const struct fs_event *e);

/* To be called often; looks when it is time to. 0, or what the sink returned when it failed. */
int stuck_watch_look(struct stuck_watch *w, const struct event_sink *sink);

/* Whether next to nothing has happened in the tree for this long: no birth, no end, hardly any CPU used. */
bool stuck_watch_is_quiet(const struct stuck_watch *w, uint64_t for_ns);

/* Who is in the tree, for people: "python3 (pid 12), sh (pid 13) and 4 more". The names are the target's. */
void stuck_watch_names(const struct stuck_watch *w, char *to, size_t size);

/* Whether something was ended because it hung. */
bool stuck_watch_ended(const struct stuck_watch *w);

/* Kills the whole tree. */
void stuck_watch_end_all(const struct stuck_watch *w);

#endif
