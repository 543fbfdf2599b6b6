/* SPDX-License-Identifier: MIT */
/*
 * Fork handlers, told when they are registered; the tracer finds the object by the caller's address. And, where
 * `check` wants to know, exit handlers: atexit() is a stub in each object, which comes to __cxa_atexit, as do the
 * destructors of C++.
 */
#include "shim.h"

int __register_atfork(shim_handler *prepare, shim_handler *parent, shim_handler *child,
		      void *object);

SHIM_EXPORT int __register_atfork(shim_handler *prepare, shim_handler *parent, shim_handler *child,
				  void *object)
{
	struct fs_ev_handler e = {
		.kind = FS_HANDLER_FORK,
		.functions = { (uint64_t)(uintptr_t)prepare, (uint64_t)(uintptr_t)parent,
			       (uint64_t)(uintptr_t)child },
		.caller = CALLER,
	};
	int ret;

	if (!shim_ready())
		return real.__register_atfork(prepare, parent, child, object);
	ret = real.__register_atfork(prepare, parent, child, object);
	if (ret == 0)
		ring_put(FS_EV_HANDLER, &e, sizeof(e));
	return ret;
}

#ifdef SHIM_LOCKS

#define HANDLERS_TOLD_MAX 64

int __cxa_atexit(void (*fn)(void *), void *argument, void *object);

static void tell_exit_handler(uint64_t function, uint64_t caller)
{
	struct fs_ev_handler e = {
		.kind = FS_HANDLER_EXIT,
		.functions = { function },
		.caller = caller,
	};

	if (!shim_in_vfork_child() && shim_self()->handlers_told++ < HANDLERS_TOLD_MAX)
		ring_put(FS_EV_HANDLER, &e, sizeof(e));
}

SHIM_EXPORT int __cxa_atexit(void (*fn)(void *), void *argument, void *object)
{
	bool ready = shim_ready();
	int ret = real.__cxa_atexit(fn, argument, object);

	if (ready && ret == 0)
		tell_exit_handler((uint64_t)(uintptr_t)fn, CALLER);
	return ret;
}

SHIM_EXPORT int on_exit(void (*fn)(int, void *), void *argument)
{
	bool ready = shim_ready();
	int ret = real.on_exit(fn, argument);

	if (ready && ret == 0)
		tell_exit_handler((uint64_t)(uintptr_t)fn, CALLER);
	return ret;
}

#endif
