/* SPDX-License-Identifier: MIT */
/*
 * Native stacks. The unwinder is libgcc's, linked in and hidden: nothing is loaded, nothing allocated. It finds
 * unwind tables by _dl_find_object(), which takes no lock. Where libc has no such function it walks the loader's
 * list under a lock; then no stack is taken in children of threaded processes.
 */
#include "shim.h"

#include <dlfcn.h>
#include <string.h>
#include <unwind.h>

#define DEPTH 64

struct walk {
	uint64_t caller;
	uint32_t count;
	bool seen_caller;
	bool cut;
	uint64_t addresses[DEPTH];
};

static bool lock_free;

/* Frames inside the shim come first, up to the one that is the wrapper's caller. */
static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *argument)
{
	struct walk *w = argument;
	uint64_t at = _Unwind_GetIP(context);

	if (!at)
		return _URC_END_OF_STACK;
	if (at == w->caller)
		w->seen_caller = true;
	if (!w->seen_caller)
		return _URC_NO_REASON;
	if (w->count == DEPTH) {
		w->cut = true;
		return _URC_END_OF_STACK;
	}
	w->addresses[w->count++] = at;
	return _URC_NO_REASON;
}

void stack_warm_up(void)
{
	struct walk w = { .caller = CALLER };

	lock_free = dlsym(RTLD_DEFAULT, "_dl_find_object") != NULL;
	_Unwind_Backtrace(on_frame, &w);
}

void stack_tell(uint64_t call_id, uint64_t caller)
{
	struct fs_ev_stack e = { .call_id = call_id, .kind = FS_STACK_NATIVE };
	struct walk w = { .caller = caller };
	size_t tail;
	char *r;

	if (!lock_free && shim_self()->born_threaded)
		return;
	_Unwind_Backtrace(on_frame, &w);
	if (!w.seen_caller) { /* no unwind tables between: the caller is what we know */
		w.addresses[0] = caller;
		w.count = caller != 0;
		w.cut = true;
	}
	e.count = w.count;
	e.stack_flags = w.cut ? FS_STACK_CUT : 0;
	tail = w.count * sizeof(uint64_t);
	r = ring_reserve(FS_EV_STACK, sizeof(e) + tail);
	if (!r)
		return;
	memcpy(r + sizeof(e.h), (char *)&e + sizeof(e.h), sizeof(e) - sizeof(e.h));
	memcpy(r + sizeof(e), w.addresses, tail);
	ring_commit(r);
}
