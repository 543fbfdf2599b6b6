/* SPDX-License-Identifier: MIT */
/* One event as words for a person: what `forkscope trace` prints behind time, pid and name. */
#ifndef TRACER_TRACE_EVENT_LINE_H
#define TRACER_TRACE_EVENT_LINE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "forkscope/event.h"

/* What a line is about, for its colour. */
enum line_tone { TONE_PLAIN, TONE_BIRTH, TONE_EXEC, TONE_END, TONE_TROUBLE, TONE_FD };

/*
 * Appends the event's words, all text from the target escaped, no newline. Returns false for events that
 * only serve others (a file's description, the state of a process), and appends nothing.
 */
bool event_line_append(struct buffer *out, const struct fs_event *e, enum line_tone *ret_tone);

#endif
