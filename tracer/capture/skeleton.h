/* SPDX-License-Identifier: MIT */
/* Opening of the probes' object, for the source that uses it and for doctor. */
#ifndef TRACER_CAPTURE_SKELETON_H
#define TRACER_CAPTURE_SKELETON_H

#include "forkscope/bpf_config.h"
#include "forkscope.skel.h"

/*
 * Opens it, not yet loaded, with the slice of the kernel's types that it needs; without a slice (no memory,
 * a format unknown here) libbpf searches the kernel's types itself. *ret_slice must stay open until it is
 * loaded (-1: none). NULL: errno tells.
 */
struct forkscope_bpf *skeleton_open(int *ret_slice);

void skeleton_close(struct forkscope_bpf *skel, int slice);

/* libbpf's own words since skeleton_open: the first warning; "" none. libbpf itself prints nothing. */
const char *skeleton_said(void);

#endif
