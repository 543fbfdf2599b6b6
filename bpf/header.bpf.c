/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The head of every event: who, when, where. */
#include "probe.h"

int fill_header(struct fs_event *h, __u32 type, __u32 size, __u64 address)
{
	struct task_struct *task = (void *)address;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);

	if (!h)
		return 0;
	h->size = size;
	h->type = type;
	h->source = FS_SOURCE_BPF;
	h->flags = 0;
	h->ts_ns = bpf_ktime_get_ns();
	h->start_ns = BPF_CORE_READ(leader, start_boottime);
	h->pid = pid_number(pid, own_level);
	h->tid = thread_number(task);
	h->ns_pid = pid_number(pid, BPF_CORE_READ(pid, level));
	h->cpu = bpf_get_smp_processor_id();
	return 0;
}
