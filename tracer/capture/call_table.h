/* SPDX-License-Identifier: MIT */
/* Which system calls the kernel probes look at, and as what; by ABI. */
#ifndef TRACER_CAPTURE_CALL_TABLE_H
#define TRACER_CAPTURE_CALL_TABLE_H

#include <stdint.h>

#include "forkscope/bpf_config.h"

/* Fills the tables of the native and of the 32-bit ABI, with what a level of --fds needs. */
void call_table_fill(uint16_t native[FS_CALL_TABLE], uint16_t compat[FS_CALL_TABLE],
		     enum fs_fds_level level);

#endif
