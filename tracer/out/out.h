/* SPDX-License-Identifier: MIT */
/*
 * The family of outputs: each writes one view of a finished model to a stream. Nothing here opens files or
 * looks at the environment; the command decides on colour and width. All text of the target is escaped.
 *
 * Each returns 0 or a negative errno (no memory, the stream failed).
 */
#ifndef TRACER_OUT_OUT_H
#define TRACER_OUT_OUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/term.h"
#include "model/finding.h"
#include "model/model.h"

struct view {
	struct term term;
	const char *name; /* of the trace, for people */
	bool all; /* do not fold what is alike */
};

int report_json(const struct model *m, const struct findings *f, FILE *to);
int report_text(const struct model *m, const struct findings *f, const struct view *v, FILE *to);

/* The findings alone: nothing when there are none. */
void findings_text(const struct model *m, const struct findings *f, const struct view *v, FILE *to);
/* As a JUnit file: each of the `checked` (ids, NULL-terminated) a test case, which its findings fail. */
int findings_junit(const struct model *m, const struct findings *f, const char *const *checked,
		   FILE *to);

int tree_json(const struct model *m, FILE *to);
int tree_text(const struct model *m, const struct view *v, FILE *to);

/* Which open files to tell about. */
struct fds_filter {
	uint32_t process; /* index; MODEL_NONE: all */
	const char *file; /* an id ("pipe:[109]", a path) or a key ("f12"); NULL: all */
};

/* -E2BIG: more holdings than can be told at once; the caller asks for a filter. -ENOENT: nothing matches. */
int fds_json(const struct model *m, const struct fds_filter *filter, FILE *to);
int fds_text(const struct model *m, const struct fds_filter *filter, const struct view *v,
	     FILE *to);

/* One HTML page that needs nothing else: time line, tree, open files, findings. */
int view_html(const struct model *m, const struct findings *f, const struct view *v, FILE *to);

/* One column of a comparison: the trace's name and its model. */
struct compared {
	const char *name;
	const struct model *model;
	const struct findings *findings; /* NULL: not judged */
};

int compare_json(const struct compared *traces, size_t n, FILE *to);
int compare_text(const struct compared *traces, size_t n, const struct view *v, FILE *to);

#endif
