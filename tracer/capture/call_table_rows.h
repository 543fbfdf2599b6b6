/* SPDX-License-Identifier: MIT */
/* Between call_table.c and call_table_compat.c, which cannot share a file: their numbers have one name. */
#ifndef TRACER_CAPTURE_CALL_TABLE_ROWS_H
#define TRACER_CAPTURE_CALL_TABLE_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct call_row {
	int number; /* -1: this ABI has no such call */
	int level; /* enum fs_fds_level from which on it matters */
	uint16_t entry;
};

extern const struct call_row call_rows_native[];
extern const size_t call_rows_native_count;
extern const struct call_row call_rows_compat[];
extern const size_t call_rows_compat_count;

#endif
