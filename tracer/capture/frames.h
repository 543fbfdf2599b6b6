/* SPDX-License-Identifier: MIT */
/*
 * Frames of a thread as text, from libdwfl: for the stacks of stopped threads (unwind.c) and of running trees
 * (look_stack.c). Debug information is taken from what is installed; none is fetched from afar.
 */
#ifndef TRACER_CAPTURE_FRAMES_H
#define TRACER_CAPTURE_FRAMES_H

#include <elfutils/libdwfl.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "capture/frames_cache.h"

extern const Dwfl_Callbacks frames_callbacks;

/* NULL: nothing can be known of the process. To be ended by dwfl_end. */
Dwfl *frames_open(pid_t pid);

/*
 * What lies at an address: of code a frame, as below, of data "symbol+0x8 (object)"; with its NUL. Adds nothing where
 * no symbol is known.
 */
void frames_name(pid_t pid, uint64_t address, bool code, struct buffer *to);

struct frames {
	Dwfl *dwfl;
	struct frames_cache *cache; /* may be NULL */
	struct buffer *out;
	unsigned count;
};

/* For dwfl_getthread_frames, context: a struct frames. Adds "function+0x1f (file.c:12)", each with its NUL;
 * without a name the offset is that in the file. */
int frames_add(Dwfl_Frame *frame, void *context);

/* An interpreter found among the process's modules; all zeros: there is none. */
struct frames_python {
	uint64_t runtime;
	uint64_t version;
};
struct frames_python frames_find_python(Dwfl *dwfl, struct frames_cache *cache, pid_t pid);

/* What the thread runs in it, "python: function (file.py:12)", likewise. */
void frames_add_python(const struct frames_python *python, pid_t pid, pid_t tid,
		       struct buffer *out);

#endif
