/* SPDX-License-Identifier: MIT */
/* The 32-bit ABI's table: i386 on x86-64; none elsewhere yet. See call_table.h. */
#include "forkscope/bpf_config.h"

#if defined(__x86_64__)
#include <asm/unistd_32.h>
#endif

#include "capture/call_table_rows.h"

const struct call_row call_rows_compat[] = {
#if defined(__x86_64__)
#define CALL(name, level, entry) { __NR_##name, level, entry },
#include "capture/call_list.h"
#undef CALL
#endif
	{ -1, 0, 0 },
};
const size_t call_rows_compat_count = sizeof(call_rows_compat) / sizeof(call_rows_compat[0]);
