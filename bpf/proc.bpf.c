/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Life: fork, thread start, exec, exit, reparenting, names, signals. All at scheduler and task
 * tracepoints, which fire for every way in (any system call, any ABI, io_uring's threads too).
 */
#include "probe.h"

#define MASK_PATH (PATH_BYTES - 1)

static __always_inline __u32 call_nr(struct call *call)
{
	return call ? call->nr : 0;
}

/* Kilobytes of RSS: file, anonymous, (swap,) shared memory pages. */
static __always_inline __u64 rss_kb(struct mm_struct *mm)
{
	struct mm_struct___before_6_2 *old = (void *)mm;
	__s64 pages;

	if (!mm)
		return 0;
	if (bpf_core_field_exists(old->rss_stat.count)) {
		pages = BPF_CORE_READ(old, rss_stat.count[0].counter) +
			BPF_CORE_READ(old, rss_stat.count[1].counter) +
			BPF_CORE_READ(old, rss_stat.count[3].counter);
	} else {
		pages = mm->rss_stat[0].count + mm->rss_stat[1].count + mm->rss_stat[3].count;
	}
	return pages > 0 ? pages * 4 : 0;
}

static __always_inline void emit_thread_start(struct task_struct *creator,
					      struct task_struct *thread, __u64 flags)
{
	struct fs_ev_thread_start e = {};

	fill_header(&e.h, FS_EV_THREAD_START, sizeof(e), current_address());
	e.clone_flags = flags;
	e.new_tid = thread_number(thread);
	e.new_ns_tid = innermost_number(thread);
	BPF_CORE_READ_STR_INTO(&e.comm, thread, comm);
	emit(&e, sizeof(e), FS_EV_THREAD_START);
}

/* Returns how deep the child's pid namespace is. */
static __always_inline __u32 emit_fork(struct task_struct *creator, struct task_struct *child,
				       __u64 flags, struct call *call)
{
	struct pid *pid = BPF_CORE_READ(child, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct mm_struct *mm = creator->mm;
	struct fs_ev_fork e = {};

	fill_header(&e.h, FS_EV_FORK, sizeof(e), current_address());
	if (is_compat())
		e.h.flags |= FS_EVENT_COMPAT;
	e.child_start_ns = BPF_CORE_READ(child, start_boottime);
	e.clone_flags = flags;
	e.parent_pid = e.h.pid;
	e.parent_start_ns = e.h.start_ns;
	if (flags & CLONE_PARENT) {
		e.parent_pid = process_number(BPF_CORE_READ(creator, real_parent));
		e.parent_start_ns = process_start(BPF_CORE_READ(creator, real_parent));
	}
	e.creator_blocked = creator->blocked.sig[0];
	e.parent_rss_kb = rss_kb(mm);
	e.parent_pgtables_kb = mm->pgtables_bytes.counter >> 10;
	e.child_pid = pid_number(pid, own_level);
	e.child_ns_pid = level == own_level ? e.child_pid : pid_number(pid, level);
	/* Not nr_threads: that still counts a thread that was joined, for an instant. */
	e.threads = BPF_CORE_READ(creator, signal, live.counter);
	e.exit_signal = BPF_CORE_READ(child, exit_signal);
	e.syscall = call_nr(call);
	e.has_stack = call ? call->note : 0;
	e.ns_level = level - own_level;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	emit(&e, sizeof(e), FS_EV_FORK);
	if (call) {
		call->child_pid = e.child_pid;
		call->child_start_ns = e.child_start_ns;
		call->clone_flags = flags;
	}
	return level;
}

/* posix_spawn gives its child a stack, and is libc's affair; this one is the program's. */
static __always_inline void mark_vforked(__u32 tgid)
{
	struct proc *proc = followed(tgid);

	if (proc)
		proc->vforked = 1;
}

static __always_inline void mark_copied(__u32 tgid)
{
	struct proc *proc = followed(tgid);

	if (proc)
		proc->copied = 1;
}

/*
 * A new task, complete but not yet running: its table is copied, its pid known, and no event of its own
 * can come before the ones written here.
 */
SEC("raw_tp/task_newtask")
int BPF_PROG(on_new_task, struct task_struct *child, __u64 clone_flags)
{
	struct task_struct *creator = bpf_get_current_task_btf();
	struct proc *parent = followed(creator->tgid);
	__u64 self = bpf_get_current_pid_tgid();
	__u32 pid = BPF_CORE_READ(child, tgid), level;
	struct call *call;

	if (clone_flags & CLONE_THREAD) {
		if (parent) {
			count_threads(pid, 1);
			emit_thread_start(creator, child, clone_flags);
		}
		return 0;
	}
	if (!parent && !in_cgroup(child))
		return 0;
	if (parent) /* before the fork, so that what the child inherits is known when it is born */
		emit_state(current_address(), FS_STATE_BEFORE_FORK, SLOT_TRACEPOINT);
	if (!follow(pid, parent))
		return 0;
	count_threads(pid, 1);
	if (config.odd && !(clone_flags & CLONE_VM))
		mark_copied(pid);
	call = bpf_map_lookup_elem(&calls, &self);
	if (config.odd && clone_flags & CLONE_VM && clone_flags & CLONE_VFORK && call &&
	    !call->note)
		mark_vforked(pid);
	level = emit_fork(creator, child, clone_flags, call);
	if (config.odd && !(clone_flags & CLONE_VM) &&
	    BPF_CORE_READ(creator, signal, live.counter) > 1)
		emit_fork_threads(address_of(child));
	if (!parent || clone_flags & CLONE_CHANGES_STATE || level != pid_depth(creator))
		emit_state(address_of(child), FS_STATE_AT_FORK, SLOT_TRACEPOINT);
	if (config.fds >= FS_FDS_SNAPSHOT) {
		if (clone_flags & CLONE_FILES) {
			struct fs_ev_fd_table e = { .when = FS_TABLE_AT_FORK,
						    .last = 1,
						    .table_flags = FS_TABLE_SHARED };

			fill_header(&e.h, FS_EV_FD_TABLE, sizeof(e), address_of(child));
			emit(&e, sizeof(e), FS_EV_FD_TABLE);
		} else {
			emit_fd_table(address_of(child), FS_TABLE_AT_FORK, SLOT_TRACEPOINT);
		}
	}
	return 0;
}

struct argv_copy {
	struct fs_event h;
	__u64 from;
	__u32 offset;
	__u32 total;
};

static long argv_step(__u32 i, struct argv_copy *c)
{
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	__u32 n = c->total - c->offset;
	__u32 size;

	if (!s || c->offset >= c->total)
		return 1;
	if (n > PIECE_BYTES)
		n = PIECE_BYTES;
	size = round_up_8(sizeof(s->argv) + n);
	s->argv.h = c->h;
	s->argv.h.type = FS_EV_EXEC_ARGV;
	s->argv.h.size = size;
	s->argv.h.flags = 0;
	s->argv.offset = c->offset;
	s->argv.len = n;
	if (bpf_probe_read_user((char *)(&s->argv + 1), n, (void *)(c->from + c->offset)))
		s->argv.h.flags |= FS_EVENT_UNREADABLE;
	if (size <= sizeof(s->argv) + PIECE_BYTES)
		emit(&s->argv, size, FS_EV_EXEC_ARGV);
	c->offset += n;
	return 0;
}

/* Appends a kernel string to the tail; returns its length without the NUL. */
static __always_inline __u32 append_string(char *tail, __u32 at, const char *string)
{
	long n;

	tail[at & (2 * PATH_BYTES - 1)] = 0;
	n = bpf_probe_read_kernel_str(&tail[at & (2 * PATH_BYTES - 1)], PATH_BYTES, string);
	return n > 0 ? (n - 1) & MASK_PATH : 0;
}

static __always_inline void emit_exec(struct task_struct *task, __u32 from_tid,
				      struct linux_binprm *bprm)
{
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct argv_copy copy = {};
	struct fs_ev_exec *e;
	__u32 at, size, n;
	char *tail;

	if (!s)
		return;
	e = &s->exec;
	tail = (char *)(e + 1);
	__builtin_memset(e, 0, sizeof(*e));
	copy.from = BPF_CORE_READ(task, mm, arg_start);
	copy.total = BPF_CORE_READ(task, mm, arg_end) - copy.from;
	e->argc = BPF_CORE_READ(bprm, argc);
	e->from_tid = from_tid;
	e->argv_total = copy.total;
	e->filename_len = append_string(tail, 0, BPF_CORE_READ(bprm, filename));
	at = e->filename_len + 1;
	e->interp_len = append_string(tail, at, BPF_CORE_READ(bprm, interp));
	at += e->interp_len + 1;
	n = copy.total > PIECE_BYTES ? PIECE_BYTES : copy.total;
	fill_header(&e->h, FS_EV_EXEC, 0, address_of(task));
	/* Again, and hidden from the compiler: the verifier of 6.1 sees no bound above. */
	barrier_var(n);
	if (n > PIECE_BYTES)
		n = PIECE_BYTES;
	if (n && bpf_probe_read_user(&tail[at & (4 * PATH_BYTES - 1)], n, (void *)copy.from)) {
		e->h.flags |= FS_EVENT_UNREADABLE;
		n = 0;
	}
	e->argv_len = n;
	BPF_CORE_READ_STR_INTO(&e->comm, task, comm);
	size = round_up_8(sizeof(*e) + (at & (4 * PATH_BYTES - 1)) + n);
	e->h.size = size;
	copy.h = e->h;
	if (size <= sizeof(*e) + 2 * PATH_BYTES + PIECE_BYTES)
		emit(e, size, FS_EV_EXEC);
	copy.offset = n + nought;
	if (n < copy.total && n)
		bpf_loop(copy.total / PIECE_BYTES + 1, argv_step, &copy, 0);
}

/* The new image is in place, its arguments in its own memory; close-on-exec fds are gone. */
SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *unused, int old_pid, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;
	struct proc *proc = followed(tgid);
	__u64 caller = (__u64)tgid << 32 | (__u32)old_pid;

	if (!proc)
		return 0;
	proc->wrote = 0;
	proc->vforked = 0;
	proc->copied = 0;
	proc->vain_closes = 0;
	bpf_map_delete_elem(&calls, &caller);
	/* A thread that exec'ed has taken over the leader's number; old_pid is its former one. */
	emit_exec(task, own_level ? thread_number(task) : (__u32)old_pid, bprm);
	emit_state(address_of(task), FS_STATE_AFTER_EXEC, SLOT_TRACEPOINT);
	if (config.fds >= FS_FDS_SNAPSHOT)
		emit_fd_table(address_of(task), FS_TABLE_AFTER_EXEC, SLOT_TRACEPOINT);
	return 0;
}

static __always_inline void emit_thread_exit(struct task_struct *task)
{
	struct fs_ev_thread_exit e = {};

	fill_header(&e.h, FS_EV_THREAD_EXIT, sizeof(e), address_of(task));
	e.exit_code = task->exit_code;
	e.is_leader = task->pid == task->tgid;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	emit(&e, sizeof(e), FS_EV_THREAD_EXIT);
}

static __always_inline bool nobody_waits(struct task_struct *leader, struct task_struct *parent)
{
	struct sighand_struct *hand = BPF_CORE_READ(parent, sighand);
	__u64 action[2] = {}; /* handler and flags, as they follow one another */

	if (BPF_CORE_READ(leader, exit_signal) != SIGCHLD || !hand)
		return false;
	READ(action, (void *)hand + bpf_core_field_offset(struct sighand_struct, action) +
			     (SIGCHLD - 1) * bpf_core_type_size(struct k_sigaction));
	return action[0] == 1 || action[1] & SA_NOCLDWAIT;
}

static __always_inline void emit_exit(struct task_struct *task, struct call *call)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	struct signal_struct *signal = task->signal;
	struct fs_ev_exit e = {};

	fill_header(&e.h, FS_EV_EXIT, sizeof(e), current_address());
	e.cpu_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime;
	e.minor_faults = signal->min_flt + task->min_flt;
	e.major_faults = signal->maj_flt + task->maj_flt;
	if (task->pid != task->tgid) { /* a leader that ended first is counted when it is reaped */
		e.cpu_ns += BPF_CORE_READ(leader, se.sum_exec_runtime);
		e.minor_faults += BPF_CORE_READ(leader, min_flt);
		e.major_faults += BPF_CORE_READ(leader, maj_flt);
	}
	e.peak_rss_kb = signal->maxrss * 4;
	e.parent_pid = process_number(parent);
	e.parent_start_ns = process_start(parent);
	e.status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code
						     : BPF_CORE_READ(leader, exit_code);
	e.last_tid = e.h.tid;
	if (nobody_waits(leader, parent))
		e.exit_flags |= FS_EXIT_AUTOREAP;
	if (call && (call->class == FS_CALL_EXECVE || call->class == FS_CALL_EXECVEAT))
		e.exit_flags |= FS_EXIT_BEFORE_EXEC;
	BPF_CORE_READ_STR_INTO(&e.comm, leader, comm);
	emit(&e, sizeof(e), FS_EV_EXIT);
}

struct orphan_walk {
	__u64 head;
	__u64 next;
	__u64 heir;
};

/* Who gets the children of a process that ends: the nearest subreaper above, else init. */
static long heir_step(__u32 i, struct orphan_walk *w)
{
	struct task_struct *task = (void *)w->heir, *up = BPF_CORE_READ(task, real_parent);
	struct signal_struct *signal = BPF_CORE_READ(up, signal);

	w->heir = (__u64)up;
	if (!up || BPF_CORE_READ(up, pid) <= 1)
		return 1;
	return BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper) &&
	       BPF_CORE_READ(signal, live.counter) > 0;
}

static long orphan_step(__u32 i, struct orphan_walk *w)
{
	struct task_struct *child, *heir = (void *)w->heir;
	struct fs_ev_reparent e = {};

	if (!w->next || w->next == w->head)
		return 1;
	child = (void *)(w->next - bpf_core_field_offset(struct task_struct, sibling));
	READ(w->next, (void *)w->next);
	if (!followed(BPF_CORE_READ(child, tgid)))
		return 0;
	fill_header(&e.h, FS_EV_REPARENT, sizeof(e), current_address());
	e.child_pid = process_number(child);
	e.child_start_ns = process_start(child);
	e.to_pid = process_number(heir);
	e.to_start_ns = process_start(heir);
	emit(&e, sizeof(e), FS_EV_REPARENT);
	return 0;
}

/* Read without the kernel's lock: a child that comes or goes meanwhile is told of by its own exit. */
static __always_inline void emit_orphans(struct task_struct *task)
{
	struct pid_namespace *ns = NULL;
	struct signal_struct *signal;
	struct task_struct *reaper;
	struct orphan_walk w = {};
	struct pid *pid;
	__u32 level;

	w.head = (__u64)task + bpf_core_field_offset(struct task_struct, children);
	READ(w.next, (void *)w.head);
	if (w.next == w.head)
		return;
	pid = BPF_CORE_READ(task, thread_pid);
	level = BPF_CORE_READ(pid, level);
	signal = BPF_CORE_READ(task, signal);
	if (level <= 32)
		READ(ns, (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				 level * bpf_core_type_size(struct upid) +
				 bpf_core_field_offset(struct upid, ns));
	reaper = BPF_CORE_READ(ns, child_reaper);
	w.heir = (__u64)BPF_CORE_READ(task, group_leader);
	if (BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		bpf_loop(64, heir_step, &w, 0);
	else
		w.heir = (__u64)reaper;
	bpf_loop(1 << 16, orphan_step, &w, 0);
}

/*
 * A thread ends; the last one takes the process with it. Before kernel 6.16 nobody says which is the
 * last, and two that end at once may both look so: the last to come here has it, or the first of them
 * when some threads were not seen to start.
 */
SEC("raw_tp/sched_process_exit")
int on_exit(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;
	__u64 self = bpf_get_current_pid_tgid();
	struct proc *proc = followed(tgid);
	struct call *call;
	bool last;

	if (!proc)
		return 0;
	call = bpf_map_lookup_elem(&calls, &self);
	if (bpf_core_field_exists(((struct trace_event_raw_sched_process_exit *)0)->group_dead))
		last = ctx[1] & 1;
	else
		last = __sync_fetch_and_add(&proc->threads, -1) <= 1 &&
		       BPF_CORE_READ(task, signal, live.counter) == 0 &&
		       __sync_val_compare_and_swap(&proc->dead, 0, 1) == 0;
	if (!last) {
		emit_thread_exit(task);
	} else {
		emit_orphans(task);
		if (config.odd)
			emit_state(current_address(), FS_STATE_AT_EXIT, SLOT_TRACEPOINT);
		emit_exit(task, call);
		bpf_map_delete_elem(&procs, &tgid);
		__sync_fetch_and_add(&alive, -1);
	}
	if (call)
		bpf_map_delete_elem(&calls, &self);
	return 0;
}

SEC("raw_tp/task_rename")
int BPF_PROG(on_rename, struct task_struct *task, const char *comm)
{
	struct fs_ev_rename e = {};

	if (!followed(BPF_CORE_READ(task, tgid)))
		return 0;
	fill_header(&e.h, FS_EV_RENAME, sizeof(e), address_of(task));
	bpf_probe_read_kernel_str(e.comm, sizeof(e.comm), comm);
	emit(&e, sizeof(e), FS_EV_RENAME);
	return 0;
}

/* Where a segmentation fault was. */
static __always_inline void note_fault(struct kernel_siginfo *info, struct task_struct *to)
{
	struct fs_ev_odd_call e = { .what = FS_ODD_FAULT };

	e.args[0] = (__u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
	fill_header(&e.h, FS_EV_ODD_CALL, sizeof(e), address_of(to));
	emit(&e, sizeof(e), FS_EV_ODD_CALL);
}

/*
 * Inside interrupts `current` is whoever runs there, not the sender: the kernel's own signals have
 * si_code SI_KERNEL (0x80) or above zero.
 */
SEC("raw_tp/signal_generate")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info, struct task_struct *to, int group,
	     int result)
{
	struct task_struct *from = bpf_get_current_task_btf();
	struct fs_ev_signal e = {};
	int code = 0; /* SEND_SIG_NOINFO: by a user, SI_USER */

	if (info == (void *)1)
		code = 0x80; /* SEND_SIG_PRIV: by the kernel */
	else if (info)
		code = BPF_CORE_READ(info, si_code);
	if (sig == SIGCHLD && code > 0)
		return 0;
	if (!followed(BPF_CORE_READ(to, tgid)) && !(code <= 0 && followed(from->tgid)))
		return 0;
	if (config.odd && sig == SIGSEGV && code > 0 && info != (void *)1)
		note_fault(info, to);
	if (code <= 0)
		fill_header(&e.h, FS_EV_SIGNAL, sizeof(e), current_address());
	else
		fill_header(&e.h, FS_EV_SIGNAL, sizeof(e), address_of(to));
	if (code > 0)
		e.h.pid = e.h.tid = e.h.ns_pid = e.h.start_ns = 0;
	e.to_pid = process_number(to);
	e.to_tid = thread_number(to);
	e.to_start_ns = process_start(to);
	e.sig = sig;
	e.code = code;
	e.group = group;
	e.result = result;
	emit(&e, sizeof(e), FS_EV_SIGNAL);
	return 0;
}

/* The victim is a task since 6.8; before, its pid, which the signal that follows tells as well. */
SEC("raw_tp/mark_victim")
int on_oom_victim(__u64 *ctx)
{
	struct fs_ev_oom_kill e = {};
	struct task_struct *task;

	if (!bpf_core_field_exists(((struct trace_event_raw_mark_victim *)0)->total_vm))
		return 0;
	task = (void *)ctx[0];
	if (!followed(BPF_CORE_READ(task, tgid)))
		return 0;
	fill_header(&e.h, FS_EV_OOM_KILL, sizeof(e), address_of(task));
	BPF_CORE_READ_STR_INTO(&e.comm, task, comm);
	emit(&e, sizeof(e), FS_EV_OOM_KILL);
	return 0;
}
