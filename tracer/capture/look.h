/* SPDX-License-Identifier: MIT */
/*
 * A look at a running tree of processes: what each thread does, what it waits for, who could end that. For
 * `forkscope why`. Nobody is stopped, signalled or traced; it takes two looks, some time apart, to tell what
 * moves from what does not.
 */
#ifndef TRACER_CAPTURE_LOOK_H
#define TRACER_CAPTURE_LOOK_H

#include <sys/types.h>

#include "base/fail.h"
#include "trace/snapshot.h"

/* A process, its descendants, and whom they wait for. Negative errno and why: -ESRCH when it is not there. */
int look_at_tree(struct snapshot *ret, pid_t pid, struct failure *why);

#endif
