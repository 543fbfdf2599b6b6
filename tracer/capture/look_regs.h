/* SPDX-License-Identifier: MIT */
/* The registers of all threads, by the kernel witness; nobody is stopped. */
#ifndef TRACER_CAPTURE_LOOK_REGS_H
#define TRACER_CAPTURE_LOOK_REGS_H

#include <stddef.h>

#include "forkscope/bpf_config.h"

/* In the order of the kernel's threads. free() them. 0, or negative errno (no privilege, too old a kernel). */
int look_registers(struct fs_registers **ret, size_t *ret_count);

#endif
