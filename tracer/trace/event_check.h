/* SPDX-License-Identifier: MIT */
/*
 * Is an event what it says it is? Asked of everything that comes from a file, before anybody else sees it.
 *
 * An event without a problem may be cast to its type's struct and all of that read; the lengths in it lie
 * inside the event and its texts end in NUL. With FS_EVENT_CUT the lengths may say more than there is:
 * the accessors of event_info.h give what there is.
 */
#ifndef TRACER_TRACE_EVENT_CHECK_H
#define TRACER_TRACE_EVENT_CHECK_H

#include "forkscope/event.h"

/* An argv longer than this is no argv: the kernel's own limit is 6 MB. */
#define EVENT_ARGV_MAX (64u << 20)

/*
 * NULL, or what is wrong, in words. e->size bytes must be there to be read, at least sizeof(*e). Of a type
 * not known here (event_fixed_size() is 0) only the size is checked.
 */
const char *event_problem(const struct fs_event *e);

#endif
