/* SPDX-License-Identifier: MIT */
/* See frames_cache.h. When memory runs out something is not kept, and looked up again. */
#include "capture/frames_cache.h"

#include <string.h>

static const struct interned *keep_text(struct frames_cache *c, const char *text)
{
	return intern(&c->texts, text, strlen(text));
}

/* Which file, as a number, and where it begins in this process. */
static bool key_of(struct frames_cache *c, Dwfl_Module *module, uint64_t *ret_file,
		   uint64_t *ret_start)
{
	const struct interned *path;
	Dwarf_Addr start;
	const char *name;

	if (!c || !module)
		return false;
	name = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
	if (!name || name[0] != '/' || strstr(name, " (deleted)"))
		return false;
	path = keep_text(c, name);
	if (!path)
		return false;
	*ret_file = (uint64_t)(uintptr_t)path;
	*ret_start = start;
	return true;
}

bool frames_cached(struct frames_cache *c, Dwfl_Module *module, Dwarf_Addr pc, struct buffer *out)
{
	uint64_t file, start, value;
	const struct interned *text;

	if (!key_of(c, module, &file, &start) || !hashmap_get(&c->frames, file, pc - start, &value))
		return false;
	text = (const struct interned *)(uintptr_t)value;
	buffer_append(out, text->data, text->len);
	return true;
}

void frames_keep(struct frames_cache *c, Dwfl_Module *module, Dwarf_Addr pc, const char *text,
		 size_t len)
{
	const struct interned *kept;
	uint64_t file, start;

	if (!key_of(c, module, &file, &start))
		return;
	kept = intern(&c->texts, text, len);
	if (kept)
		(void)hashmap_put(&c->frames, file, pc - start, (uint64_t)(uintptr_t)kept);
}

bool frames_cached_symbol(struct frames_cache *c, Dwfl_Module *module, const char *name,
			  uint64_t *ret)
{
	const struct interned *kept;
	uint64_t file, start, value;

	if (!key_of(c, module, &file, &start))
		return false;
	kept = keep_text(c, name);
	if (!kept || !hashmap_get(&c->symbols, file, (uint64_t)(uintptr_t)kept, &value))
		return false;
	*ret = value == FRAMES_NO_SYMBOL ? value : start + value;
	return true;
}

void frames_keep_symbol(struct frames_cache *c, Dwfl_Module *module, const char *name, uint64_t at)
{
	const struct interned *kept;
	uint64_t file, start;

	if (!key_of(c, module, &file, &start))
		return;
	kept = keep_text(c, name);
	if (kept)
		(void)hashmap_put(&c->symbols, file, (uint64_t)(uintptr_t)kept,
				  at == FRAMES_NO_SYMBOL ? at : at - start);
}

void frames_cache_free(struct frames_cache *c)
{
	hashmap_free(&c->frames);
	hashmap_free(&c->symbols);
	intern_free(&c->texts);
}
