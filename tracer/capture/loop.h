/* SPDX-License-Identifier: MIT */
/*
 * The proof that a loop has no way out: the thread is stopped by ptrace, stepped once round, and let go.
 */
#ifndef TRACER_CAPTURE_LOOP_H
#define TRACER_CAPTURE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "capture/proc_wait.h"

/* Whether the thread is in a sleep so short that it must be polling for something. */
bool loop_naps(pid_t pid, const struct thread_wait *t);

struct loop {
	uint64_t address; /* of the lock that it tries to take; else where the loop was met */
	enum fs_wait_kind kind; /* of that lock; FS_WAIT_UNKNOWN: none was seen */
	bool naps; /* it sleeps on its way round */
};

/*
 * Whether the only thread of a process goes round in a loop that nothing inside the process can end: it is
 * stepped until registers and writable memory are what they were, with no system call but naps and sched_yield on the
 * way, no clock, and no pointer into shared memory in any register. Adds its frames when it is so: of where it tries
 * the lock, if it does.
 */
bool loop_is_endless(pid_t pid, struct buffer *frames, struct loop *ret);

#endif
