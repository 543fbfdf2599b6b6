/* SPDX-License-Identifier: MIT */
/* What an open file is: DESIGN.md's word for its kind, and its name for people. */
#ifndef TRACER_MODEL_KIND_H
#define TRACER_MODEL_KIND_H

#include "base/buffer.h"
#include "model/model.h"

/* Compared by address. */
extern const char kind_pipe[];
extern const char kind_fifo[];

/* The kind: a constant, or interned in the model ("anon:bpf-map"); NULL: no memory. */
const char *file_kind(struct model *m, const struct fs_ev_file *e);

/* "pipe:[109]", "socket:[7]", "anon:[eventfd]", "memfd:x", else its path; NULL: no memory. */
const struct interned *file_id(struct model *m, const struct fs_ev_file *e, const char *kind);

/* Components of a path, the deepest first, each NUL-terminated, as "/a/b". */
void join_path(struct buffer *out, const char *components, size_t len);

#endif
