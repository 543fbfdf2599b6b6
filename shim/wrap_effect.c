/* SPDX-License-Identifier: MIT */
/*
 * What a forked child of Python removes or renames while its interpreter ends: built only into
 * libforkscope-shim-locks.so. atexit functions and finalizers (temporary directories) run there, before exit(), and so
 * before anything else tells that the process ends. Only of files that are older than the child, since those it
 * made itself are its own to remove.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>

/* By the clock that file systems use, which ticks some hundred times a second: in the same tick nobody knows. */
static bool is_older_than(uint64_t at_ns, int dirfd, const char *path)
{
	struct statx st;

	memset(&st, 0, sizeof(st));
	return sys6(SYS_statx, dirfd, (long)path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, (long)&st, 0) >=
		       0 &&
	       st.stx_mask & STATX_BTIME &&
	       (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec < at_ns;
}

/* Before the call: afterwards the file is gone. */
static bool matters(int dirfd, const char *path)
{
	uint64_t from, to;

	return shim.on && path && !shim_in_vfork_child() && shim_self()->forked && shim.forked_ns &&
	       python_end(&from, &to) && is_older_than(shim.forked_ns, dirfd, path) &&
	       stack_leads_through(from, to);
}

#define EFFECT(name, dirfd, path, parameters, arguments)                  \
	SHIM_EXPORT int name parameters                                   \
	{                                                                 \
		int before = errno, ret;                                  \
		bool tell;                                                \
                                                                          \
		if (__builtin_expect(!real.name, 0))                      \
			(void)shim_ready();                               \
		tell = matters(dirfd, path);                              \
		keep_errno(before);                                       \
		ret = real.name arguments;                                \
		if (tell && ret == 0)                                     \
			call_note(FS_LIBC_FINAL_EFFECT, CALLER, 0, 0, 0); \
		return ret;                                               \
	}

EFFECT(unlink, AT_FDCWD, path, (const char *path), (path))
EFFECT(rmdir, AT_FDCWD, path, (const char *path), (path))
EFFECT(unlinkat, dirfd, path, (int dirfd, const char *path, int flags), (dirfd, path, flags))
EFFECT(rename, AT_FDCWD, from, (const char *from, const char *to), (from, to))

#endif
