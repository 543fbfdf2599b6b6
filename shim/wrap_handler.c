/* SPDX-License-Identifier: MIT */
/* Fork handlers, told when they are registered; the tracer finds the object by the caller's address. */
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
