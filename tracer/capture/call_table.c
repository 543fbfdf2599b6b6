/* SPDX-License-Identifier: MIT */
/* The native ABI's table; call_table_compat.c has the other. See call_table.h. */
#include "capture/call_table.h"

#include <asm/unistd.h>
#include <stddef.h>

#include "capture/call_table_rows.h"

const struct call_row call_rows_native[] = {
#define CALL(name, level, entry) { __NR_##name, level, entry },
#include "capture/call_list.h"
#undef CALL
	{ -1, 0, 0 },
};
const size_t call_rows_native_count = sizeof(call_rows_native) / sizeof(call_rows_native[0]);

/*
 * Below the level that wants a call for its own sake it stays when it may be a first write; classes are only
 * handled from their level on, which the probes check themselves.
 */
static void fill(uint16_t *table, const struct call_row *rows, size_t n, int level)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].number >= 0 && rows[i].number < FS_CALL_TABLE && rows[i].level <= level)
			table[rows[i].number] = rows[i].entry;
	}
}

void call_table_fill(uint16_t native[FS_CALL_TABLE], uint16_t compat[FS_CALL_TABLE],
		     enum fs_fds_level level)
{
	fill(native, call_rows_native, call_rows_native_count, level);
	fill(compat, call_rows_compat, call_rows_compat_count, level);
}
