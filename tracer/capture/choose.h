/* SPDX-License-Identifier: MIT */
/* Which witnesses a recording takes. */
#ifndef TRACER_CAPTURE_CHOOSE_H
#define TRACER_CAPTURE_CHOOSE_H

#include <stdbool.h>

#include "capture/recording.h"

/* What the kernel witness needs, without trying it: this process's capabilities; the kernel's types (BTF). */
bool may_load_bpf(void);
bool has_kernel_types(void);

/* Whether --source asks for it; `auto` for all that can take part, the leanest recording for the kernel's alone. */
bool source_is_wanted(const struct recording_options *options, enum fs_source id);

#endif
