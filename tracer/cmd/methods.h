/* SPDX-License-Identifier: MIT */
/*
 * Running one command once per start method, for `compare --methods`. The command finds the method's name in
 * FORKSCOPE_START_METHOD. For CPython it is also made the default, without touching the program: a private
 * directory in front of PYTHONPATH holds a sitecustomize that sets it when multiprocessing is imported; a
 * program that chooses a method itself keeps its choice.
 */
#ifndef TRACER_CMD_METHODS_H
#define TRACER_CMD_METHODS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

#define METHODS_MAX 8

struct methods {
	char *names[METHODS_MAX];
	char *traces[METHODS_MAX]; /* paths, in the order of the names */
	size_t count;
};

/* "fork,spawn": each once, of fork, spawn, forkserver and thread. -EINVAL and why. */
int methods_parse(struct methods *ret, const char *list, struct failure *why);

/*
 * Runs argv once for each; traces go to DIR/METHOD.data (keep: a directory, made when it is not there) or, with
 * NULL, to a private directory, which methods_free removes. follow: each run until its last descendant has
 * ended. The target's stdio is its own.
 */
int methods_run(struct methods *m, char **argv, const char *keep, bool follow, char *private_dir,
		size_t size, struct failure *why);

/* private_dir: as methods_run filled it; "" none. */
void methods_free(struct methods *m, const char *private_dir);

#endif
