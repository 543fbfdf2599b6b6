/* SPDX-License-Identifier: MIT */
/*
 * The stack of a thread that does not move.
 *
 * The thread is stopped by ptrace for some milliseconds and let go as it was. Only threads that wait in a
 * futex, spin or nap (loop.h) are looked at: such a wait begins again by itself, which others may not.
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

/* --- for who looks closer at one thread: loop.c --- */

/* 0: it is stopped, and ours; -errno: gone, traced by somebody else, or a signal came first. */
int unwind_stop(pid_t tid);
void unwind_stopped(pid_t pid, pid_t tid, struct buffer *frames);
/* With a signal that came while it was stopped, 0 none. */
void unwind_let_go(pid_t tid, int sig);

#endif
