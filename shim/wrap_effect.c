/* SPDX-License-Identifier: MIT */
/*
 * What a forked child of Python removes or renames while its interpreter ends: built only into
 * libforkscope-shim-locks.so. atexit functions and finalizers (temporary directories) run there, before exit(), and so
 * before anything else tells that the process ends. Only of files that are older than the child, since those it
 * made itself are its own to remove.
 *
 * Their age is told by the clock of file systems, which ticks some hundred times a second. What was made in the tick
 * of the fork is older than a child that made nothing in that tick.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <string.h>

static bool is_older(const struct shim_process *child, int dirfd, const char *path)
{
	struct statx st;
	uint64_t made;

	memset(&st, 0, sizeof(st));
	if (sys6(SYS_statx, dirfd, (long)path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, (long)&st, 0) <
		    0 ||
	    !(st.stx_mask & STATX_BTIME))
		return false;
	made = (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
	return made < child->born_ns || (made == child->born_ns && !child->made_early);
}

/* Before the call: afterwards the file is gone. */
static bool matters(int dirfd, const char *path)
{
	uint64_t from, to;

	return shim.on && path && !shim_in_vfork_child() && shim_self()->forked &&
	       shim_self()->born_ns && python_end(&from, &to) &&
	       is_older(shim_self(), dirfd, path) && stack_leads_through(from, to);
}

void effect_made(void)
{
	struct shim_process *p;

	if (!shim.on || !shim.forked_ns)
		return;
	p = shim_self();
	if (p->born_ns && !p->made_early && sys_file_time_ns() == p->born_ns)
		p->made_early = 1;
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

#define MADE(name, parameters, arguments)            \
	SHIM_EXPORT int name parameters              \
	{                                            \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		effect_made();                       \
		return real.name arguments;          \
	}

MADE(mkdir, (const char *path, mode_t mode), (path, mode))
MADE(mkdirat, (int dirfd, const char *path, mode_t mode), (dirfd, path, mode))
MADE(symlink, (const char *to, const char *path), (to, path))
MADE(link, (const char *from, const char *path), (from, path))

/* The mode is there with O_CREAT and O_TMPFILE alone; to pass on what is not there does no harm. */
#define OPEN(name, parameters, ...)                         \
	SHIM_EXPORT int name parameters                     \
	{                                                   \
		va_list more;                               \
		mode_t mode;                                \
                                                            \
		if (__builtin_expect(!real.name, 0))        \
			(void)shim_ready();                 \
		if (flags & O_CREAT)                        \
			effect_made();                      \
		va_start(more, flags);                      \
		mode = va_arg(more, mode_t);                \
		va_end(more);                               \
		return real.name(__VA_ARGS__, flags, mode); \
	}

OPEN(open, (const char *path, int flags, ...), path)
OPEN(open64, (const char *path, int flags, ...), path)
OPEN(openat, (int dirfd, const char *path, int flags, ...), dirfd, path)
OPEN(openat64, (int dirfd, const char *path, int flags, ...), dirfd, path)

#else

void effect_made(void)
{
}

#endif
