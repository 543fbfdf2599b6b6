/* SPDX-License-Identifier: MIT */
/* Waits for System V semaphores and queues: what for, and who used it last, which the kernel notes. */
#ifndef TRACER_CAPTURE_LOOK_IPC_H
#define TRACER_CAPTURE_LOOK_IPC_H

#include "trace/snapshot.h"

/*
 * Tells in w->what what a semop, msgrcv or msgsnd waits for. Who changed a semaphore last, and does not wait for it too,
 * goes to the others, as one that may end the wait. False: it is none of these calls.
 */
bool look_ipc(const struct snapshot *s, const struct seen_process *p, const struct seen_thread *t,
	      struct seen_wait *w);

#endif
