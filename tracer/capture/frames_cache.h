/* SPDX-License-Identifier: MIT */
/*
 * Names of frames that were found before, so that in a tree of 150 processes of one program its symbols and debug
 * information are read once. Starts as all zeros; free it with frames_cache_free(). Not for several threads.
 *
 * A module is known by its path, which is what names are read from: two mount namespaces make no difference to
 * that. What has no path to read from (deleted files, the vdso) is not kept. Places count from the module's start,
 * so the cache serves processes that have the same file at different addresses.
 */
#ifndef TRACER_CAPTURE_FRAMES_CACHE_H
#define TRACER_CAPTURE_FRAMES_CACHE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/hashmap.h"
#include "base/intern.h"

struct frames_cache {
	struct intern_pool texts;
	struct hashmap frames; /* (path, place): the text, NUL included */
	struct hashmap symbols; /* (path, name): the place, or FRAMES_NO_SYMBOL */
};

#define FRAMES_NO_SYMBOL UINT64_MAX

/* Of a NULL cache, or a NULL module, nothing is known and nothing kept. */
bool frames_cached(struct frames_cache *c, Dwfl_Module *module, Dwarf_Addr pc, struct buffer *out);
void frames_keep(struct frames_cache *c, Dwfl_Module *module, Dwarf_Addr pc, const char *text,
		 size_t len);

/* Where a symbol lies in this process; FRAMES_NO_SYMBOL: the module is known to have none. */
bool frames_cached_symbol(struct frames_cache *c, Dwfl_Module *module, const char *name,
			  uint64_t *ret);
void frames_keep_symbol(struct frames_cache *c, Dwfl_Module *module, const char *name, uint64_t at);

void frames_cache_free(struct frames_cache *c);

#endif
