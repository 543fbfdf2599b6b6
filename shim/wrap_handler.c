/* SPDX-License-Identifier: MIT */
/*
 * Fork and exit handlers, told when they are registered; the tracer finds the object by the caller's address, since
 * libc's atexit and pthread_atfork are linked into each object that calls them. C++ destructors of static objects
 * come by __cxa_atexit too, with an argument: large programs have thousands, and the first ones are told alone.
 */
#include "shim.h"

int __register_atfork(shim_handler *prepare, shim_handler *parent, shim_handler *child,
		      void *object);
int __cxa_atexit(void (*function)(void *), void *argument, void *object);
int __cxa_at_quick_exit(void (*function)(void *), void *object);

#define DESTRUCTORS_MAX 256

static uint32_t destructors;

static void tell_handler(const struct fs_ev_handler *e)
{
	int saved = errno;

	ring_put(FS_EV_HANDLER, e, sizeof(*e));
	keep_errno(saved);
}

SHIM_EXPORT int __register_atfork(shim_handler *prepare, shim_handler *parent, shim_handler *child,
				  void *object)
{
	const struct fs_ev_handler e = {
		.kind = FS_HANDLER_FORK,
		.functions = { (uint64_t)(uintptr_t)prepare, (uint64_t)(uintptr_t)parent,
			       (uint64_t)(uintptr_t)child },
		.caller = CALLER,
	};
	bool on = shim_ready();
	int ret = real.__register_atfork(prepare, parent, child, object);

	if (ret == 0 && on)
		tell_handler(&e);
	return ret;
}

SHIM_EXPORT int __cxa_atexit(void (*function)(void *), void *argument, void *object)
{
	const struct fs_ev_handler e = { .kind = FS_HANDLER_EXIT,
					 .functions = { (uint64_t)(uintptr_t)function },
					 .caller = CALLER };
	bool on = shim_ready();
	int ret = real.__cxa_atexit(function, argument, object);

	if (ret == 0 && on &&
	    (!argument || __atomic_fetch_add(&destructors, 1, __ATOMIC_RELAXED) < DESTRUCTORS_MAX))
		tell_handler(&e);
	return ret;
}

SHIM_EXPORT int __cxa_at_quick_exit(void (*function)(void *), void *object)
{
	const struct fs_ev_handler e = { .kind = FS_HANDLER_QUICK_EXIT,
					 .functions = { (uint64_t)(uintptr_t)function },
					 .caller = CALLER };
	bool on = shim_ready();
	int ret = real.__cxa_at_quick_exit(function, object);

	if (ret == 0 && on)
		tell_handler(&e);
	return ret;
}

SHIM_EXPORT int on_exit(void (*function)(int, void *), void *argument)
{
	const struct fs_ev_handler e = { .kind = FS_HANDLER_EXIT,
					 .functions = { (uint64_t)(uintptr_t)function },
					 .caller = CALLER };
	bool on = shim_ready();
	int ret = real.on_exit(function, argument);

	if (ret == 0 && on)
		tell_handler(&e);
	return ret;
}
