/* SPDX-License-Identifier: MIT */
/*
 * What report, tree, fds and compare have in common: load, write where the options say, say in one line what
 * went wrong.
 */
#ifndef TRACER_CMD_READING_H
#define TRACER_CMD_READING_H

#include "cmd/load.h"
#include "cmd/options.h"
#include "out/out.h"

/* A trace and what the rules found in it. */
struct story {
	struct loaded trace;
	struct findings findings;
};

/* Loads and judges. What goes wrong is told here: 0, or a negative errno and *ret untouched. */
int story_load(struct story *ret, const char *path);
void story_free(struct story *s);

/* Writes one view to `to`; 0 or a negative errno. */
typedef int (*write_fn)(void *arg, const struct view *view, bool json, FILE *to);

/* Opens the output, writes, closes. trace: its path, which -o must not be. Tells what fails; the exit status. */
int write_view(const struct read_options *o, const char *trace, bool all, write_fn fn, void *arg);

#endif
