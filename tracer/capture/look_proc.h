/* SPDX-License-Identifier: MIT */
/* For look.c: what /proc tells of processes, threads and fds. Each reading stands alone and stops nobody. */
#ifndef TRACER_CAPTURE_LOOK_PROC_H
#define TRACER_CAPTURE_LOOK_PROC_H

#include <sys/types.h>

#include "trace/snapshot.h"

/* All processes but the kernel's own, with their parents, sorted by pid. 0 or negative errno. */
int look_processes(struct snapshot *s);

/* Threads of one, and what system call each is in. */
void look_threads(struct seen_process *p);

/* Which of them moved since: reads the counters again, and the call of those that did. */
void look_again(struct seen_process *p);

/* Its pipes, sockets, eventfds, terminals; regular files too when asked. */
void look_fds(struct seen_process *p, bool files);

/* Reads a small file of /proc as text; its length, or negative errno. */
ssize_t look_text(const char *path, char *to, size_t size);

/* The mapping an address lies in. `name` gets its path (cut), "" when it has none. */
struct look_map {
	uint64_t from, ino, offset;
	unsigned major, minor; /* of the device */
	bool shared;
	char name[96];
};
bool look_map(uint32_t pid, uint64_t address, struct look_map *ret);

#endif
