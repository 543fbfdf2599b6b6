/* SPDX-License-Identifier: MIT */
/*
 * What libprocpool tells a recording: pools, workers, tasks. As forkscope.h, by a function that only the preloaded
 * shim defines; one branch when it is not there.
 */
#ifndef FORKSCOPE_POOL_MARKS_H
#define FORKSCOPE_POOL_MARKS_H

#include <stdbool.h>

#include "forkscope.h"
#include "forkscope/event.h"

/* type: FS_EV_POOL_OPEN to FS_EV_TASK_DONE. Of `what` the header and text_len are not looked at. text may be NULL. */
typedef void forkscope_pool_fn(unsigned type, const struct fs_ev_pool *what, const char *text);
void forkscope_pool_v1(unsigned type, const struct fs_ev_pool *what, const char *text)
	__attribute__((weak, visibility("default")));

#define FORKSCOPE_POOL_IS_WATCHED() \
	__builtin_expect(FORKSCOPE_WEAK(forkscope_pool_fn, forkscope_pool_v1) != NULL, 0)

#define FORKSCOPE_POOL(type, text, ...)                                      \
	do {                                                                 \
		if (FORKSCOPE_POOL_IS_WATCHED()) {                           \
			const struct fs_ev_pool what_ = { __VA_ARGS__ };     \
			FORKSCOPE_WEAK(forkscope_pool_fn, forkscope_pool_v1) \
			((type), &what_, (text));                            \
		}                                                            \
	} while (0)

#endif
