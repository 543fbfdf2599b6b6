/* SPDX-License-Identifier: MIT */
/*
 * Marks: what a program says of itself by include/forkscope.h, and libprocpool of its workers. Not wrappers: these
 * names are ours, and a program finds them by a weak symbol.
 */
#include "forkscope/pool_marks.h"

#include <string.h>

#include "shim.h"

#define TEXT_MAX 1000

static bool is_mark(unsigned kind)
{
	return (kind >= FS_EV_MARK && kind <= FS_EV_SPAN_END) || kind == FS_EV_NAME;
}

SHIM_EXPORT uint64_t forkscope_note_v1(unsigned kind, uint64_t id, uint64_t value, const char *name,
				       size_t len)
{
	int saved = errno;
	struct fs_ev_mark *e;

	if (!shim_ready() || !is_mark(kind))
		return 0;
	if (!name)
		len = 0;
	if (len > TEXT_MAX)
		len = TEXT_MAX;
	if (!id)
		id = __atomic_add_fetch(&shim.area->next_call, 1, __ATOMIC_RELAXED);
	e = ring_reserve(kind, sizeof(*e) + len);
	if (e) {
		e->id = kind == FS_EV_SPAN_BEGIN || kind == FS_EV_SPAN_END ? id : 0;
		e->value = value;
		e->name_len = (uint32_t)len;
		e->reserved = 0;
		memcpy(e + 1, name ? name : "", len);
		ring_commit(e);
	}
	errno = saved;
	return id;
}

SHIM_EXPORT void forkscope_pool_v1(unsigned type, const struct fs_ev_pool *what, const char *text)
{
	int saved = errno;
	struct fs_ev_pool *e;
	size_t len;

	if (!shim_ready() || type < FS_EV_POOL_OPEN || type > FS_EV_TASK_DONE)
		return;
	len = text ? strnlen(text, TEXT_MAX) : 0;
	e = ring_reserve(type, sizeof(*e) + len);
	if (e) {
		memcpy((char *)e + sizeof(e->h), (const char *)what + sizeof(e->h),
		       sizeof(*e) - sizeof(e->h));
		e->text_len = (uint32_t)len;
		memcpy(e + 1, text ? text : "", len);
		ring_commit(e);
	}
	errno = saved;
}
