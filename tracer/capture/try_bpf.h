/* SPDX-License-Identifier: MIT */
/*
 * Tries what this host lets the kernel witness do, for `doctor`: each real program is loaded and attached by
 * itself, since feature probes lie on locked-down kernels.
 */
#ifndef TRACER_CAPTURE_TRY_BPF_H
#define TRACER_CAPTURE_TRY_BPF_H

#include <stdbool.h>
#include <stddef.h>

struct bpf_trial {
	const char *program;
	const char *serves; /* what is missing without it, in plain words */
	bool needed; /* no recording without it */
	int error; /* 0: works; else negative errno */
	char said[160]; /* libbpf's or the kernel's own words; "" none */
};

#define BPF_TRIALS_MAX 32

/* Fills trials, returns how many; -errno when not even the object opens. */
int try_bpf(struct bpf_trial trials[BPF_TRIALS_MAX]);

#endif
