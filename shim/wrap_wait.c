/* SPDX-License-Identifier: MIT */
/* The wait family: how children ended, for recordings without the kernel witness. Only what was reaped is told. */
#include "shim.h"

static void tell_reaped(uint64_t caller, pid_t child, uint32_t status)
{
	struct fs_ev_call e = {
		.call = FS_LIBC_WAIT,
		.phase = FS_PHASE_DONE,
		.caller = caller,
		.ret = child,
		.child_pid = (uint32_t)child,
		.status = status,
	};
	int saved = errno;
	char *r;

	if (!shim_ready() || shim.wanted & FS_AREA_KERNEL || shim_in_vfork_child())
		return;
	e.enter_ns = shim_now_ns();
	r = ring_reserve(FS_EV_CALL, sizeof(e) + 1);
	if (r) {
		__builtin_memcpy(r + sizeof(e.h), (char *)&e + sizeof(e.h),
				 sizeof(e) - sizeof(e.h));
		r[sizeof(e)] = 0;
		ring_commit(r);
	}
	keep_errno(saved);
}

static pid_t waited(uint64_t caller, pid_t child, const int *status)
{
	if (child > 0 && !(status && (WIFSTOPPED(*status) || WIFCONTINUED(*status))))
		tell_reaped(caller, child, status ? (uint32_t)*status : UINT32_MAX);
	return child;
}

SHIM_EXPORT pid_t wait(int *status)
{
	(void)shim_ready();
	return waited(CALLER, real.wait(status), status);
}

SHIM_EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
	(void)shim_ready();
	return waited(CALLER, real.waitpid(pid, status, options), status);
}

SHIM_EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
	(void)shim_ready();
	return waited(CALLER, real.wait3(status, options, usage), status);
}

SHIM_EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	(void)shim_ready();
	return waited(CALLER, real.wait4(pid, status, options, usage), status);
}

SHIM_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int ret, status;

	(void)shim_ready();
	ret = real.waitid(type, id, info, options);
	if (ret || !info || !info->si_pid || options & WNOWAIT)
		return ret;
	switch (info->si_code) {
	case CLD_EXITED:
		status = info->si_status << 8;
		break;
	case CLD_KILLED:
		status = info->si_status;
		break;
	case CLD_DUMPED:
		status = info->si_status | 0x80;
		break;
	default:
		return ret;
	}
	tell_reaped(CALLER, info->si_pid, (uint32_t)status);
	return ret;
}
