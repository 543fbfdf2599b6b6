/* SPDX-License-Identifier: MIT */
/* See skeleton.h. */
#include "capture/skeleton.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/btf_slice.h"

static char said[256];

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN && said[0] == 0) {
		vsnprintf(said, sizeof(said), fmt, args);
		said[strcspn(said, "\n")] = 0;
	}
	return 0;
}

const char *skeleton_said(void)
{
	return said;
}

struct forkscope_bpf *skeleton_open(int *ret_slice)
{
	LIBBPF_OPTS(bpf_object_open_opts, options);
	struct forkscope_bpf *skel;
	char path[64];

	said[0] = 0;
	*ret_slice = -1;
	libbpf_set_print(keep_warning);
	skel = forkscope_bpf__open();
	if (!skel)
		return NULL;
	*ret_slice = btf_slice_open(bpf_object__btf(skel->obj));
	if (*ret_slice < 0)
		return skel;
	forkscope_bpf__destroy(skel);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *ret_slice);
	options.btf_custom_path = path;
	return forkscope_bpf__open_opts(&options);
}

void skeleton_close(struct forkscope_bpf *skel, int slice)
{
	forkscope_bpf__destroy(skel);
	if (slice >= 0)
		close(slice);
}
