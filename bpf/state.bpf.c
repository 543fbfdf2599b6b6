/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a process inherits besides memory and fds (FS_EV_STATE), told when it differs from what was last
 * told of it; a child begins with what was last told of its parent.
 */
#include "probe.h"

static __always_inline void read_namespaces(struct fs_ev_state *e, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct nsproxy *ns = BPF_CORE_READ(task, nsproxy);
	__u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *pid_ns = NULL;

	if (!ns)
		return;
	e->ns[FS_NS_MNT] = BPF_CORE_READ(ns, mnt_ns, ns.inum);
	e->ns[FS_NS_UTS] = BPF_CORE_READ(ns, uts_ns, ns.inum);
	e->ns[FS_NS_IPC] = BPF_CORE_READ(ns, ipc_ns, ns.inum);
	e->ns[FS_NS_NET] = BPF_CORE_READ(ns, net_ns, ns.inum);
	e->ns[FS_NS_CGROUP] = BPF_CORE_READ(ns, cgroup_ns, ns.inum);
	if (bpf_core_field_exists(ns->time_ns))
		e->ns[FS_NS_TIME] = BPF_CORE_READ(ns, time_ns, ns.inum);
	e->ns[FS_NS_USER] = BPF_CORE_READ(task, cred, user_ns, ns.inum);
	if (level <= 32)
		READ(pid_ns, (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				     level * bpf_core_type_size(struct upid) +
				     bpf_core_field_offset(struct upid, ns));
	e->ns[FS_NS_PID] = BPF_CORE_READ(pid_ns, ns.inum);
}

/* One signal's disposition; the kernel's entries are ACTION_WORDS words each, the handler first. */
static long signal_step(__u32 i, const __u32 *slot)
{
	struct scratch *s = scratch_slot(*slot);
	struct describe *d = describe_slot(*slot);
	__u64 handler;

	if (!s || !d)
		return 1;
	handler = d->actions[(i & 63) * ACTION_WORDS];
	s->state.sig_ignored |= (__u64)(handler == 1) << (i & 63);
	s->state.sig_caught |= (__u64)(handler > 1) << (i & 63);
	return 0;
}

static __always_inline void read_signals(struct describe *d, struct task_struct *task, __u32 slot)
{
	struct sighand_struct *hand = BPF_CORE_READ(task, sighand);

	if (!hand || bpf_core_type_size(struct k_sigaction) != ACTION_WORDS * 8)
		return;
	bpf_probe_read_kernel(d->actions, sizeof(d->actions),
			      (char *)hand + bpf_core_field_offset(struct sighand_struct, action));
	bpf_loop(64, signal_step, &slot, 0);
}

#define STATE_WORDS (sizeof(struct fs_ev_state) / 8)
#define FIRST_STATE_WORD (offsetof(struct fs_ev_state, sig_blocked) / 8)

/* Blends one word of the record, which has no padding, into the hash. */
static long hash_step(__u32 i, const __u32 *slot)
{
	struct scratch *s = scratch_slot(*slot);
	struct describe *d = describe_slot(*slot);

	if (!s || !d || i + FIRST_STATE_WORD >= STATE_WORDS)
		return 1;
	d->hash = (d->hash ^ s->room[i + FIRST_STATE_WORD]) * 0x9e3779b97f4a7c15ULL ^ d->hash >> 29;
	return 0;
}

/*
 * Of the current task, what can be read in an instant: all but dispositions and limits, which only their
 * system calls change (or another process's prlimit, which is missed until the next exec). Never 0,
 * which stands for unknown.
 */
static __always_inline __u64 current_state_key(struct describe *d)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	__u64 key = task->blocked.sig[0];

	READ(d->ids, (char *)BPF_CORE_READ(task, cred) + bpf_core_field_offset(struct cred, uid));
	for (int i = 0; i < 3; i++)
		key = key * 31 + d->ids[i];
	key = key * 31 + (__u64)BPF_CORE_READ(task, nsproxy);
	key = key * 31 + (__u64)BPF_CORE_READ(task, cgroups);
	key = key * 31 + (__u64)BPF_CORE_READ(fs, pwd.dentry);
	key = key * 31 + BPF_CORE_READ(fs, umask);
	key = key * 31 + task->atomic_flags;
	key = key * 31 + pid_depth(task);
	return key | 1;
}

int emit_state(__u64 address, __u32 when, __u32 slot)
{
	struct task_struct *task = (void *)address;
	struct scratch *s = scratch_slot(slot);
	struct describe *d = describe_slot(slot);
	struct proc *proc = followed(BPF_CORE_READ(task, tgid));
	struct fs_ev_state *e;
	struct fs_struct *fs;
	__u32 len, size;
	__u64 key;

	if (!s || !d || !proc)
		return 0;
	key = address == current_address() ? current_state_key(d) : 0;
	if (key && proc->state_key == key && !proc->state_dirty && when != FS_STATE_AFTER_EXEC)
		return 0;
	fs = BPF_CORE_READ(task, fs);
	proc->state_key = key;
	proc->state_dirty = 0;
	e = &s->state;
	__builtin_memset(e, 0, sizeof(*e));
	e->sig_blocked = BPF_CORE_READ(task, blocked.sig[0]);
	read_signals(d, task, slot);
	read_namespaces(e, task);
	e->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(e->rlimits, sizeof(e->rlimits),
			      (char *)BPF_CORE_READ(task, signal) +
				      bpf_core_field_offset(struct signal_struct, rlim));
	e->umask = BPF_CORE_READ(fs, umask);
	e->uid = BPF_CORE_READ(task, cred, uid.val);
	e->euid = BPF_CORE_READ(task, cred, euid.val);
	e->gid = BPF_CORE_READ(task, cred, gid.val);
	e->egid = BPF_CORE_READ(task, cred, egid.val);
	e->no_new_privs = BPF_CORE_READ(task, atomic_flags) & 1;
	d->hash = (__u64)BPF_CORE_READ(fs, pwd.dentry);
	bpf_loop(STATE_WORDS, hash_step, &slot, 0);
	if (proc->state_hash == d->hash)
		return 0;
	proc->state_hash = d->hash;
	e->when = when;
	len = copy_path((__u64)BPF_CORE_READ(fs, pwd.mnt), (__u64)BPF_CORE_READ(fs, pwd.dentry),
			slot);
	if (len > PATH_BYTES)
		len = PATH_BYTES;
	e->cwd_len = len;
	size = round_up_8(sizeof(*e) + len);
	/* The tail begins where the struct ends, not where the union does. */
	bpf_probe_read_kernel((char *)(e + 1), len, d->name);
	fill_header(&e->h, FS_EV_STATE, size, address);
	if (size <= sizeof(*e) + PATH_BYTES)
		emit(e, size, FS_EV_STATE);
	return 1;
}
