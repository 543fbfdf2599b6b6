/* SPDX-License-Identifier: MIT */
/*
 * Native stacks. The unwinder is libgcc's, linked in and hidden: nothing is loaded, nothing allocated. It finds
 * unwind tables by _dl_find_object(), which takes no lock. Where libc has no such function it walks the loader's
 * list under a lock; then no stack is taken in children of threaded processes.
 *
 * To unwind costs some microseconds, and a program mostly forks where it forked before: so each thread remembers its
 * last stack. It is the same one when the wrapper's frame lies where it lay, and each return address is where it
 * was found, one by one from the innermost: the frames above a return address follow from it.
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
	bool in_handler;
	bool checkable; /* each return address lies below its frame, on one stack */
	uint64_t addresses[DEPTH];
	uint64_t frames[DEPTH];
};

/* Of this thread. Written only when it differs: it is on a page that a fork would have to copy. */
SHIM_TLS struct {
	uint32_t count; /* 0: none */
	uint64_t addresses[DEPTH];
	uint64_t frames[DEPTH];
} last;

static bool lock_free;

/* Frames inside the shim come first, up to the one that is the wrapper's caller. */
static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *argument)
{
	struct walk *w = argument;
	int interrupted = 0;
	uint64_t at = _Unwind_GetIPInfo(context, &interrupted);
	uint64_t frame = _Unwind_GetCFA(context);

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
	/* A signal came to this frame; those before it are its handler's. */
	if (interrupted)
		w->in_handler = true;
	if (interrupted || (w->count && frame <= w->frames[w->count - 1]) ||
	    at != *(const uint64_t *)(uintptr_t)(frame - sizeof(uint64_t)))
		w->checkable = false;
	w->frames[w->count] = frame;
	w->addresses[w->count++] = at;
	return _URC_NO_REASON;
}

void stack_warm_up(void)
{
	struct walk w = { .caller = CALLER, .checkable = false };

	lock_free = dlsym(RTLD_DEFAULT, "_dl_find_object") != NULL;
	_Unwind_Backtrace(on_frame, &w);
}

static bool is_last(uint64_t frame, uint64_t caller)
{
	if (!last.count || last.frames[0] != frame || last.addresses[0] != caller)
		return false;
	for (uint32_t i = 0; i < last.count; i++)
		if (*(const uint64_t *)(uintptr_t)(last.frames[i] - sizeof(uint64_t)) !=
		    last.addresses[i])
			return false;
	return true;
}

static void remember(const struct walk *w)
{
	last.count = 0;
	if (!w->checkable || w->cut)
		return;
	memcpy(last.addresses, w->addresses, w->count * sizeof(uint64_t));
	memcpy(last.frames, w->frames, w->count * sizeof(uint64_t));
	last.count = w->count;
}

static void tell(const struct shim_call *c, const uint64_t *addresses, uint32_t count,
		 uint32_t flags)
{
	size_t tail = count * sizeof(uint64_t);
	struct fs_ev_stack *e = ring_reserve_by(c->pid, FS_EV_STACK, sizeof(*e) + tail);

	if (!e)
		return;
	memset((char *)e + sizeof(e->h), 0, sizeof(*e) - sizeof(e->h));
	e->call_id = c->id;
	e->kind = FS_STACK_NATIVE;
	e->count = count;
	e->stack_flags = flags;
	memcpy(e + 1, addresses, tail);
	ring_commit(e);
}

/* Apart, so that who needs no unwinding does not touch the pages of the stack that this takes. */
static __attribute__((noinline)) void unwind_and_tell(const struct shim_call *c)
{
	struct walk w;

	w.caller = c->caller;
	w.count = 0;
	w.seen_caller = w.cut = w.in_handler = false;
	w.checkable = true;
	_Unwind_Backtrace(on_frame, &w);
	if (!w.seen_caller) { /* no unwind tables between: the caller is what we know */
		w.addresses[0] = c->caller;
		w.count = c->caller != 0;
		w.cut = true;
	}
	remember(&w);
	tell(c, w.addresses, w.count,
	     (w.cut ? FS_STACK_CUT : 0) | (w.in_handler ? FS_STACK_IN_HANDLER : 0));
}

struct search {
	uint64_t from, to;
	bool found;
};

static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *context, void *argument)
{
	struct search *s = argument;
	int interrupted = 0;
	uint64_t at = _Unwind_GetIPInfo(context, &interrupted);

	s->found = at >= s->from && at < s->to;
	return s->found || !at ? _URC_END_OF_STACK : _URC_NO_REASON;
}

bool stack_leads_through(uint64_t from, uint64_t to)
{
	struct search s = { .from = from, .to = to };

	if (!lock_free && shim_self()->born_threaded)
		return false;
	_Unwind_Backtrace(look_at_frame, &s);
	return s.found;
}

void stack_tell(const struct shim_call *c, uint64_t frame)
{
	if (!lock_free && shim_self()->born_threaded)
		return;
	if (is_last(frame, c->caller))
		tell(c, last.addresses, last.count, 0);
	else
		unwind_and_tell(c);
}
