/* SPDX-License-Identifier: MIT */
/*
 * Stacks of threads that wait, unwound without stopping them: from the registers they entered the kernel
 * with, reading their memory. What has moved meanwhile gives a short stack, never a wait.
 */
#ifndef TRACER_CAPTURE_LOOK_STACK_H
#define TRACER_CAPTURE_LOOK_STACK_H

#include "capture/frames_cache.h"
#include "capture/look_regs.h"
#include "trace/snapshot.h"

/* DWARF's number of the stack pointer. */
#if defined(__x86_64__)
#define LOOK_REGISTER_SP 7
#else
#define LOOK_REGISTER_SP 31
#endif

/*
 * Fills `frames` of the threads of a process that are in a call. registers: of all threads, may be none; cache: what
 * was found in other processes, may be NULL.
 */
void look_stacks(struct seen_process *p, const struct fs_registers *registers, size_t count,
		 struct frames_cache *cache);

#endif
