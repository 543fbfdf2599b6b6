/* SPDX-License-Identifier: MIT */
/* See choose.h. */
#include "capture/choose.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/source.h"

bool may_load_bpf(void)
{
	const uint64_t both = 1ull << CAP_BPF | 1ull << CAP_PERFMON;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t caps;

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	caps = data[0].effective | (uint64_t)data[1].effective << 32;
	return (caps & both) == both || caps >> CAP_SYS_ADMIN & 1;
}

bool has_kernel_types(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

/* Of lives alone: nothing is asked for that the shim would tell. */
static bool is_lean(const struct recording_options *o)
{
	return o->fds == FS_FDS_NONE && o->stacks == STACKS_NONE && !o->locks;
}

bool source_is_wanted(const struct recording_options *o, enum fs_source id)
{
	switch (o->source) {
	case SOURCE_BPF:
		return id == FS_SOURCE_BPF;
	case SOURCE_SHIM:
		return id == FS_SOURCE_SHIM;
	case SOURCE_AUTO:
		/* What runs already can only be watched from outside. The shim must be there before the probes are tried. */
		return id != FS_SOURCE_SHIM ||
		       (o->argv && !(is_lean(o) && may_load_bpf() && has_kernel_types()));
	default:
		return true;
	}
}
