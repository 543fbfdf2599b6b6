/* SPDX-License-Identifier: MIT */
/* For look.c: what a thread's system call waits for, and who could end that. */
#ifndef TRACER_CAPTURE_LOOK_WAIT_H
#define TRACER_CAPTURE_LOOK_WAIT_H

#include "trace/snapshot.h"

/* Fills the waits of a thread from its state and call. Does nothing when they are there. */
void look_waits(const struct snapshot *s, const struct seen_process *p, struct seen_thread *t);

/* A futex wait: the lock around the word, by the names on the stack (if there) and by its layout. */
void look_lock(const struct snapshot *s, const struct seen_process *p, const struct seen_thread *t,
	       struct seen_wait *w);

/* Adds to a wait who could end it. The fds of all processes must have been read. */
void look_others(const struct snapshot *s, const struct seen_process *p,
		 const struct seen_thread *t, struct seen_wait *w);

/* Likewise for flock and fcntl: from the kernel's table of locks. */
void look_lock_holders(const struct snapshot *s, const struct seen_process *p,
		       const struct seen_thread *t, struct seen_wait *w);

/* Inode of a unix socket's other end; 0: not known. */
uint64_t look_socket_peer(uint64_t ino);

#endif
