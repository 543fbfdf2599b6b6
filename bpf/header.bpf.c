/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The head of every event: who, when, where. Most are about the current task, of which plain fields can be
 * read without a helper's call each (see probe.h on its pointers).
 */
#include "probe.h"

static __always_inline void tell_current(struct fs_event *h)
{
	struct task_struct *task = bpf_get_current_task_btf();

	h->pid = current_process_number();
	h->tid = current_thread_number();
	h->ns_pid = pid_depth(task) ? innermost_number(BPF_CORE_READ(task, group_leader))
				    : (__u32)task->tgid;
	h->start_ns = task->pid == task->tgid ? task->start_boottime : process_start(task);
}

static __always_inline void tell_other(struct fs_event *h, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);

	h->start_ns = BPF_CORE_READ(leader, start_boottime);
	h->pid = pid_number(pid, own_level);
	h->tid = thread_number(task);
	h->ns_pid = pid_number(pid, BPF_CORE_READ(pid, level));
}

int fill_header(struct fs_event *h, __u32 type, __u32 size, __u64 address)
{
	if (!h)
		return 0;
	h->size = size;
	h->type = type;
	h->source = FS_SOURCE_BPF;
	h->flags = 0;
	h->ts_ns = bpf_ktime_get_ns();
	h->cpu = bpf_get_smp_processor_id();
	if (address == current_address())
		tell_current(h);
	else
		tell_other(h, (void *)address);
	return 0;
}
