/* SPDX-License-Identifier: MIT */
/*
 * A forked child that joins a thread which only its parent has: built only into libforkscope-shim-locks.so.
 *
 * libc says 0 to that, as if the thread had ended well. Whose threads are here is known by the handles that
 * pthread_create gave since the fork. They lie in the page that fork wipes; when there were more than it has room
 * for, or one is being made at this instant, nothing is told.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

/* Of the parent's; false where that is not certain. */
static bool is_lost(pthread_t thread)
{
	struct shim_process *p = shim_self();
	uint32_t known = __atomic_load_n(&p->births_known, __ATOMIC_ACQUIRE);

	if (!p->forked || !p->born_threaded || known > SHIM_BIRTHS ||
	    __atomic_load_n(&p->births_begun, __ATOMIC_RELAXED) != known ||
	    thread == pthread_self())
		return false;
	for (uint32_t i = 0; i < known; i++)
		if (__atomic_load_n(&p->births[i], __ATOMIC_RELAXED) == (uint64_t)thread)
			return false;
	return true;
}

#define JOIN(name, parameters, arguments)                                              \
	SHIM_EXPORT int name parameters                                                \
	{                                                                              \
		bool lost = shim_ready() && !shim_in_vfork_child() && is_lost(thread); \
                                                                                       \
		if (__builtin_expect(lost, 0))                                         \
			call_note(FS_LIBC_JOIN, CALLER, (uint64_t)thread, 0, 0);       \
		return real.name arguments;                                            \
	}

JOIN(pthread_join, (pthread_t thread, void **ret), (thread, ret))
JOIN(pthread_tryjoin_np, (pthread_t thread, void **ret), (thread, ret))
JOIN(pthread_timedjoin_np, (pthread_t thread, void **ret, const struct timespec *t),
     (thread, ret, t))

#endif
