/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps and globals that all probes share; probe.h declares them. */
#include "probe.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct ring_map ring SEC(".maps");
struct procs_map procs SEC(".maps");
struct calls_map calls SEC(".maps");
struct files_map files SEC(".maps");
struct used_map used SEC(".maps");
struct users_map users SEC(".maps");
struct scratch_map scratch SEC(".maps");
struct describe_map describe SEC(".maps");

const volatile struct fs_bpf_config config = {};
const volatile __u16 call_table[FS_CALL_TABLE] = {};
const volatile __u16 call_table32[FS_CALL_TABLE] = {};

__u64 lost[FS_EV_MAX] = {};
__u32 wake_asked = 0;
__u32 own_level = 0;
__u32 seed_pid = 0;
__s32 alive = 0;
__u32 adopted = 0;
__u32 nought = 0;
