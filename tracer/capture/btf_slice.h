/* SPDX-License-Identifier: MIT */
/*
 * The part of the kernel's type information (BTF) that the probes need.
 *
 * libbpf searches the kernel's 130,000 types for each of the probes' structs, which takes longer than all
 * else of a recording's start. Given only those structs it is done at once; so one pass over the kernel's
 * BTF copies them, with their members' names and offsets, to a file in memory.
 */
#ifndef TRACER_CAPTURE_BTF_SLICE_H
#define TRACER_CAPTURE_BTF_SLICE_H

struct btf;

/*
 * Makes the slice for the structs that `wanted` (a BPF object's own BTF) names. Returns a memfd, close-on-
 * exec and the caller's to close, or -errno; the caller then does without.
 */
int btf_slice_open(const struct btf *wanted);

#endif
