/* SPDX-License-Identifier: MIT */
/*
 * Looking into a thread that does not move: its stack, and the proof that a loop has no way out.
 *
 * The thread is stopped by ptrace for some milliseconds and let go as it was. Only threads that wait in a
 * futex or spin are looked at: an interrupted futex wait begins again by itself, which other waits may not.
 */
#ifndef TRACER_CAPTURE_UNWIND_H
#define TRACER_CAPTURE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

/*
 * Adds the frames, innermost first, each as text with a NUL: see struct fs_ev_futex_stuck. 0, or -errno when
 * the thread cannot be stopped (gone, or traced by somebody else); frames may then be missing.
 */
int unwind_thread(pid_t pid, pid_t tid, struct buffer *frames);

/* Only the frames of Python, of a thread that waits: nobody is stopped for it. Nothing where it is no Python. */
void unwind_python(pid_t pid, pid_t tid, struct buffer *frames);

/*
 * Whether the only thread of a process goes round in a loop that nothing inside the process can end: it is
 * stepped until registers and writable memory are what they were, with no system call but sched_yield on the
 * way and no pointer into shared memory in any register. *ret_pc: where. Adds its frames when it is so.
 */
bool unwind_proves_loop(pid_t pid, struct buffer *frames, uint64_t *ret_pc);

#endif
