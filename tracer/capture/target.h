/* SPDX-License-Identifier: MIT */
/*
 * The target: a command that is started for a recording.
 *
 * Life-cycle:
 *  1. target_find finds the program, target_prepare forks. This is the one fork of forkscope; it comes before any
 *     thread is started. The child changes user if asked to, and waits.
 *  2. The caller starts its sources and has them follow target->pid.
 *  3. target_go lets the child exec, and returns when that has succeeded or failed.
 *  4. target_wait tells when it has ended, and how.
 * target_abandon ends a child that was not let go, before it has done anything.
 *
 * The child's stdio, signal mask, dispositions, process group, environment (but for what the shim needs in
 * it) and fds are what forkscope itself was given: all fds made here are close-on-exec, and forkscope sets up its own signals after step 1.
 */
#ifndef TRACER_CAPTURE_TARGET_H
#define TRACER_CAPTURE_TARGET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fail.h"

struct target {
	pid_t pid;
	int go_fd; /* a byte here lets the child exec; -1 once used */
	int report_fd; /* the child's report when it cannot; end-of-file: exec succeeded */
	bool reaped;
	int status; /* wait status, once reaped */
	char path[4096];
};

#define TARGET_INIT                                     \
	{                                               \
		.pid = -1, .go_fd = -1, .report_fd = -1 \
	}

/* Finds the program as execvp(3) does: t->path. -ENOENT not found, -EACCES not executable, and why. */
int target_find(struct target *t, const char *name, struct failure *why);

/*
 * Forks a child for the program found. user: run it as that user (name or number), with the groups of that
 * user; NULL: as we are. add: "NAME=value" of variables to set in its environment; NULL: none. Returns 0, or
 * -errno and why.
 */
int target_prepare(struct target *t, char *const argv[], const char *user, char *const *add,
		   struct failure *why);

/* Lets it exec. 0, or -errno of the exec and why; the child is then reaped. */
int target_go(struct target *t, struct failure *why);

/* 1: it has ended, t->status tells how. 0: it lives. Reaps it. */
int target_wait(struct target *t);

void target_abandon(struct target *t);

/* The exit status a shell would show for a failed start: 127 not found, 126 cannot execute. */
int target_exit_status(int err);

/*
 * Ends this process as the target ended: with its status, or by its signal (without a core dump of our own).
 * Returns the exit status for where that is not possible.
 */
int end_as(int wait_status);

#endif
