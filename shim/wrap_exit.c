/* SPDX-License-Identifier: MIT */
/* The ways to end a process on purpose. What handlers and destructors still write comes after this. */
#include "shim.h"

static void tell_exit(uint32_t call, uint64_t caller, int status)
{
	const struct shim_what what = { .status = (uint32_t)status & 0xff };
	struct shim_call c;

	if (!shim_ready())
		return;
	stdio_tell_gone();
	if (shim_in_vfork_child())
		vfork_data_compare(caller);
	if (call == FS_LIBC_EXIT_BARE && shim.wanted & FS_AREA_KERNEL) {
		ring_seal();
		return;
	}
	call_begin(&c, call, caller, &what);
	if (c.flags & FS_LIBC_FROM_VFORK)
		return; /* flags and block are the parent's */
	shim_self()->exit_told = 1;
	shim_self()->exit_call = c.id;
	if (call == FS_LIBC_EXIT && shim_self()->forked)
		stdio_tell_pending(c.id, FS_STDIO_AT_EXIT);
	if (call != FS_LIBC_EXIT)
		ring_seal();
}

SHIM_EXPORT __attribute__((noreturn)) void exit(int status)
{
	tell_exit(FS_LIBC_EXIT, CALLER, status);
	real.exit(status);
	__builtin_unreachable();
}

SHIM_EXPORT __attribute__((noreturn)) void _exit(int status)
{
	tell_exit(FS_LIBC_EXIT_BARE, CALLER, status);
	real._exit(status);
	__builtin_unreachable();
}

SHIM_EXPORT __attribute__((noreturn)) void _Exit(int status)
{
	tell_exit(FS_LIBC_EXIT_BARE, CALLER, status);
	real._Exit(status);
	__builtin_unreachable();
}

SHIM_EXPORT __attribute__((noreturn)) void quick_exit(int status)
{
	tell_exit(FS_LIBC_QUICK_EXIT, CALLER, status);
	real.quick_exit(status);
	__builtin_unreachable();
}
