/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What ran before the recording began: iterators over all tasks put the followed ones into the trace, and
 * a program that the recorder runs once tells how deep its own pid namespace is.
 */
#include "probe.h"

static __always_inline void emit_process(struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct fs_ev_process e = {};

	fill_header(&e.h, FS_EV_PROCESS, sizeof(e), address_of(task));
	e.h.tid = e.h.pid;
	e.parent_pid = process_number(parent);
	e.parent_start_ns = process_start(parent);
	e.threads = BPF_CORE_READ(task, signal, live.counter);
	e.kthread = !!(BPF_CORE_READ(task, flags) & PF_KTHREAD);
	e.ns_level = pid_depth(task) - own_level;
	BPF_CORE_READ_STR_INTO(&e.comm, task, comm);
	emit(&e, sizeof(e), FS_EV_PROCESS);
}

static __always_inline void emit_thread(struct task_struct *task)
{
	struct fs_ev_thread e = {};

	fill_header(&e.h, FS_EV_THREAD, sizeof(e), address_of(task));
	e.thread_start_ns = BPF_CORE_READ(task, start_boottime);
	BPF_CORE_READ_STR_INTO(&e.comm, task, comm);
	emit(&e, sizeof(e), FS_EV_THREAD);
}

/* Leaders come before their threads: the kernel walks pids, and a thread group's in its order. */
SEC("iter/task")
int tell_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || !followed(BPF_CORE_READ(task, tgid)))
		return 0;
	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid)) {
		emit_thread(task);
		return 0;
	}
	emit_process(task);
	emit_state(address_of(task), FS_STATE_ATTACHED, SLOT_ITERATOR);
	if (config.fds >= FS_FDS_SNAPSHOT)
		emit_fd_table(address_of(task), FS_TABLE_ATTACHED, SLOT_ITERATOR);
	return 0;
}

/*
 * Adds the children of followed processes, and with --cgroup its members. Run until it adds none:
 * forks that happen meanwhile are seen by on_new_task. `adopted` counts the additions of a run.
 */
SEC("iter/task")
int adopt_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 tgid;

	if (!task)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	if ((__u32)BPF_CORE_READ(task, pid) != tgid || followed(tgid))
		return 0;
	if (!(seed_pid && process_number(task) == seed_pid) && !in_cgroup(task) &&
	    !followed(BPF_CORE_READ(task, real_parent, tgid)))
		return 0;
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		return 0; /* a zombie */
	if (!follow(tgid, NULL))
		return 0;
	/* From here on no thread can start unseen. */
	if (BPF_CORE_READ(task, signal, live.counter) == 1)
		count_threads(tgid, 1);
	__sync_fetch_and_add(&adopted, 1);
	return 0;
}

/* A process moved into the --cgroup: followed from here on. */
SEC("raw_tp/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *to, const char *path, struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (followed(tgid) || !in_cgroup(task))
		return 0;
	if (!follow(tgid, NULL))
		return 0;
	emit_process(task);
	emit_state(address_of(task), FS_STATE_ATTACHED, SLOT_TRACEPOINT);
	if (config.fds >= FS_FDS_SNAPSHOT)
		emit_fd_table(address_of(task), FS_TABLE_ATTACHED, SLOT_TRACEPOINT);
	return 0;
}

/* Run once by the recorder, by test run: current is the recorder. */
SEC("raw_tp/sched_process_free")
int tell_own_level(void *ctx)
{
	own_level = pid_depth(bpf_get_current_task_btf());
	return 0;
}
