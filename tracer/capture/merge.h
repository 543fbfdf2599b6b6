/* SPDX-License-Identifier: MIT */
/*
 * Events of several witnesses in one order: that of time.
 *
 * Each source hands over its events in roughly the order they happened; between sources, and between the shim's
 * blocks, there is none. Events are held for a short window, sorted, and passed on. With one orderly source
 * (the kernel witness alone) nothing is held or copied.
 *
 * The shim knows a process by its pid only. Its events get the process's start time here: from the kernel
 * witness's events where there are any, else one made from the moment the pid was first seen.
 */
#ifndef TRACER_CAPTURE_MERGE_H
#define TRACER_CAPTURE_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/source.h"

struct merge;

/* `kernel`: the kernel witness takes part. -ENOMEM. */
int merge_new(struct merge **ret, bool kernel, int64_t boot_offset_ns, const struct event_sink *to);
void merge_free(struct merge *m);

/* Takes one event (copied). 0 or a negative error: -ENOMEM, or the sink's. */
int merge_event(struct merge *m, const struct fs_event *e);

/* Passes on all events before this instant. Returns 0, or the first error of the sink. */
int merge_flush(struct merge *m, uint64_t before_ns);

#endif
