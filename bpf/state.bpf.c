/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a process inherits besides memory and fds (FS_EV_STATE), told when it differs from what was last
 * told of it; a child begins with what was last told of its parent.
 */
#include "probe.h"


static __always_inline __u64 blend(__u64 hash, __u64 value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
}

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

/* Reads all handlers at once; the kernel's entries are ACTION_WORDS words each, the handler first. */
static __always_inline void read_signals(struct fs_ev_state *e, struct describe *d,
					 struct task_struct *task)
{
	struct sighand_struct *hand = BPF_CORE_READ(task, sighand);

	e->sig_blocked = BPF_CORE_READ(task, blocked.sig[0]);
	if (!hand || bpf_core_type_size(struct k_sigaction) != ACTION_WORDS * 8)
		return;
	bpf_probe_read_kernel(d->actions, sizeof(d->actions),
			      (char *)hand + bpf_core_field_offset(struct sighand_struct, action));
	for (int i = 0; i < 64; i++) {
		__u64 handler = d->actions[i * ACTION_WORDS];

		if (handler == 1)
			e->sig_ignored |= 1ULL << i;
		else if (handler)
			e->sig_caught |= 1ULL << i;
	}
}

/* The kernel's array of {soft, hard} is the event's, as it lies. */
static __always_inline __u64 hash_state(const struct fs_ev_state *e, __u64 cwd)
{
	const __u64 *words = &e->sig_blocked;
	__u64 hash = blend(1469598103934665603ULL, cwd);

	for (int i = 0; i < 4 + 32 + 4; i++) /* masks, cgroup, limits, namespaces */
		hash = blend(hash, words[i]);
	hash = blend(hash, (__u64)e->umask << 32 | e->no_new_privs);
	hash = blend(hash, (__u64)e->uid << 32 | e->euid);
	return blend(hash, (__u64)e->gid << 32 | e->egid);
}

int emit_state(__u64 address, __u32 when, __u32 slot)
{
	struct task_struct *task = (void *)address;
	struct scratch *s = scratch_slot(slot);
	struct describe *d = describe_slot(slot);
	struct proc *proc = followed(BPF_CORE_READ(task, tgid));
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct fs_ev_state *e;
	__u32 len, size;
	__u64 hash;

	if (!s || !d || !proc)
		return 0;
	e = &s->state;
	__builtin_memset(e, 0, sizeof(*e));
	read_signals(e, d, task);
	read_namespaces(e, task);
	e->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(e->rlimits, sizeof(e->rlimits),
			      (char *)BPF_CORE_READ(task, signal) +
				      bpf_core_field_offset(struct signal_struct, rlim));
	e->when = when;
	e->umask = BPF_CORE_READ(fs, umask);
	e->uid = BPF_CORE_READ(task, cred, uid.val);
	e->euid = BPF_CORE_READ(task, cred, euid.val);
	e->gid = BPF_CORE_READ(task, cred, gid.val);
	e->egid = BPF_CORE_READ(task, cred, egid.val);
	e->no_new_privs = BPF_CORE_READ(task, atomic_flags) & 1;
	hash = hash_state(e, (__u64)BPF_CORE_READ(fs, pwd.dentry));
	if (proc->state_hash == hash)
		return 0;
	proc->state_hash = hash;
	len = copy_path((__u64)BPF_CORE_READ(fs, pwd.mnt), (__u64)BPF_CORE_READ(fs, pwd.dentry),
			slot);
	if (len > PATH_BYTES)
		len = PATH_BYTES;
	e->cwd_len = len;
	size = round_up_8(sizeof(*e) + len);
	/* The tail begins where the struct ends, not where the union does. */
	bpf_probe_read_kernel((char *)(e + 1), len, d->name);
	fill_header(&e->h, FS_EV_STATE, size, task);
	if (size <= sizeof(*e) + PATH_BYTES)
		emit(e, size, FS_EV_STATE);
	return 1;
}
