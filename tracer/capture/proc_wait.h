/* SPDX-License-Identifier: MIT */
/* What the threads of a process wait in, and who holds a pipe: readings of /proc that stop nobody. */
#ifndef TRACER_CAPTURE_PROC_WAIT_H
#define TRACER_CAPTURE_PROC_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "forkscope/event.h"

#define WAIT_THREADS_MAX 64

struct thread_wait {
	uint64_t args[6];
	uint64_t sp, pc;
	uint32_t tid;
	int32_t nr; /* system call it is in; -1: none, it runs */
};

struct process_wait {
	struct thread_wait threads[WAIT_THREADS_MAX];
	size_t count;
	bool more; /* than there is room for */
};

/* What each thread does at this instant. -errno: the process is gone, or may not be looked at. */
int proc_waits(pid_t pid, struct process_wait *ret);

/* A number that stays the same as long as no thread has done anything. */
uint64_t proc_waits_signature(const struct process_wait *w);

/* A futex wait that has no time limit. */
bool wait_is_endless_futex(const struct thread_wait *t);

/* Reads memory of a process; false when not all of it is there. */
bool proc_read(pid_t pid, uint64_t address, void *to, size_t size);

/* Whether the address lies in memory mapped as shared. */
bool proc_is_shared(pid_t pid, uint64_t address);

/* The signals it catches; those that libc itself uses (32, 33) are left out. */
uint64_t proc_caught(pid_t pid);

/* Whether it has ended, reaped or not. */
bool proc_has_ended(pid_t pid);

/* Clock ticks of CPU it has used. 0 when it is gone. */
uint64_t proc_cpu(pid_t pid);

/*
 * What a thread reads without a time limit: the inode of the pipe, or of the other end of the unix socket; 0: it
 * does something else, or the other end is closed or elsewhere. *ret_fd: through which fd.
 */
uint64_t wait_reads_stream(pid_t pid, const struct thread_wait *t, uint32_t *ret_fd);

/* Adds who in `pid` could write to the pipe, or has that socket. Returns the new count, at most `room`. */
size_t proc_stream_writers(pid_t pid, uint64_t ino, struct fs_holder *list, size_t count,
			   size_t room);

#endif
