/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Calls that only rules care about (FS_EV_ODD_CALL): told when config.odd asks for them, that is by `check`.
 * Which of them mean anything is decided there; here are only the cheap conditions that keep them few.
 */
#include "syscall.h"

#define ESRCH 3
#define ECHILD 10
#define ODD_PID 1 /* P_PID of waitid */
#define ODD_PIDFD 3
#define ODD_WNOWAIT 0x01000000
#define SEEK_CUR 1
#define ODD_WRITE 2 /* PROT_WRITE */
#define ODD_SHARED_ANON 0x21 /* MAP_SHARED | MAP_ANONYMOUS */
#define MADV_DONTFORK 10
#define MADV_WIPEONFORK 18
#define F_SETLK 6
#define F_SETLKW 7
#define SHARED_TOLD_MAX 12
#define VFORK_TOLD_MAX 8
#define VAIN_CLOSES 8 /* so many and it is no slip, but a loop over all there may be */

static __always_inline void emit_odd(struct syscall *c, __u32 what, __u64 file)
{
	struct fs_ev_odd_call e = {};

	e.args[0] = c->args[0];
	e.args[1] = c->args[1];
	e.args[2] = c->args[2];
	e.args[3] = c->args[3];
	e.file = file;
	e.ret = c->ret;
	e.what = what;
	e.syscall = c->nr;
	fill_header(&e.h, FS_EV_ODD_CALL, sizeof(e), current_address());
	if (c->compat)
		e.h.flags |= FS_EVENT_COMPAT;
	emit(&e, sizeof(e), FS_EV_ODD_CALL);
}

/* Calls that move data or state, unlike those that only look. */
static __always_inline bool moves_data(__u32 nr)
{
#if defined(__TARGET_ARCH_x86)
	return nr <= 1 || nr == 8 || nr == 19 || nr == 20 || nr == 40 || (nr >= 44 && nr <= 47) ||
	       nr == 232 || nr == 233 || nr == 254 || nr == 281 || nr == 286 || nr == 426 ||
	       nr == 441;
#else
	return true;
#endif
}

/* Reads, writes and the like: who did that to this file last? */
static __always_inline void note_user(struct syscall *c)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 file = identify_fd(current_files(), c->args[0], SLOT_TRACEPOINT, 0);
	struct last_user me = { .tgid = task->tgid }, *last;
	__u64 size;

	if (!file)
		return;
	last = bpf_map_lookup_elem(&users, &file);
	if (last && last->tgid == me.tgid)
		return;
	if (last) {
		me.told = last->told + 1;
		if (me.told < SHARED_TOLD_MAX) {
			size = c->args[1];
			c->args[1] = last->tgid;
			emit_odd(c, FS_ODD_SHARED_USE, file);
			c->args[1] = size;
		}
	}
	bpf_map_update_elem(&users, &file, &me, BPF_ANY);
}

/* Closing descriptors wholesale: by a loop, seen by the many that do not exist, or by close_range. */
static __always_inline void note_close(struct syscall *c)
{
	struct proc *proc = followed(bpf_get_current_task_btf()->tgid);

	if (!proc || !proc->copied || proc->vain_closes >= VAIN_CLOSES)
		return;
	if (c->class == FS_CALL_CLOSE_RANGE && (__u32)c->args[1] - (__u32)c->args[0] > VAIN_CLOSES)
		proc->vain_closes = VAIN_CLOSES;
	else if (c->class == FS_CALL_CLOSE && !file_of_fd(current_files(), c->args[0]))
		proc->vain_closes++;
	if (proc->vain_closes == VAIN_CLOSES)
		emit_odd(c, FS_ODD_CLOSE_ALL, 0);
}

static __always_inline void note_write(struct syscall *c)
{
	struct proc *proc = followed(bpf_get_current_task_btf()->tgid);

	if (!proc || !proc->copied)
		return;
	if (c->class != FS_CALL_EXIT) {
		proc->write_ns[proc->writes++ & 3] = bpf_ktime_get_ns();
		return;
	}
	if (!proc->writes)
		return;
	c->args[0] = proc->write_ns[0];
	c->args[1] = proc->write_ns[1];
	c->args[2] = proc->write_ns[2];
	c->args[3] = proc->write_ns[3];
	emit_odd(c, FS_ODD_LAST_WRITES, 0);
}

int enter_odd(void)
{
	struct syscall *c = this_call();

	if (!c)
		return 0;
	if (c->entry & FS_CALL_WRITES || c->class == FS_CALL_EXIT)
		note_write(c);
	if (c->class == FS_CALL_KILL && (int)c->args[0] == -1)
		emit_odd(c, FS_ODD_KILL_ALL, 0);
	if (c->class == FS_CALL_CLOSE || c->class == FS_CALL_CLOSE_RANGE)
		note_close(c);
	if (config.fds >= FS_FDS_FULL && c->entry & FS_CALL_FD0 && (__u32)c->args[0] > 2 &&
	    moves_data(c->nr) && !c->compat &&
	    (c->class == FS_CALL_NONE || c->class == FS_CALL_SEEK || c->class == FS_CALL_SENDMSG ||
	     c->class == FS_CALL_RECVMSG))
		note_user(c);
	return 0;
}

static __always_inline bool is_copy(void)
{
	struct proc *proc = followed(bpf_get_current_task_btf()->tgid);

	return proc && proc->copied;
}

/* A waitid for any child: which one it was. */
static __always_inline void note_waitid(struct syscall *c)
{
	int pid = 0;

	if ((__u32)c->args[0] == ODD_PID || (__u32)c->args[0] == ODD_PIDFD || !c->args[2] ||
	    (__u32)c->args[3] & ODD_WNOWAIT)
		return;
	bpf_probe_read_user(&pid, sizeof(pid), (void *)(c->args[2] + (c->compat ? 12 : 16)));
	if (pid <= 0)
		return;
	c->ret = pid;
	emit_odd(c, FS_ODD_WAIT_ANY, 0);
	c->ret = 0;
}

/* Signal 0 only asks whether somebody is there. */
static __always_inline void note_vain_signal(struct syscall *c)
{
	if (c->class == FS_CALL_KILL && (int)c->args[0] > 0 && c->args[1]) {
		c->args[2] = 0;
		emit_odd(c, FS_ODD_SIGNAL_FAILED, 0);
	} else if (c->class == FS_CALL_TGKILL && c->args[2]) {
		__u64 tid = c->args[1];

		c->args[1] = c->args[2];
		c->args[2] = tid;
		emit_odd(c, FS_ODD_SIGNAL_FAILED, 0);
	}
}

int exit_odd(void)
{
	struct syscall *c = this_call();
	__u16 type = 0;

	if (!c)
		return 0;
	if (c->ret == -ECHILD) {
		if (c->class == FS_CALL_WAIT4 && (int)c->args[0] > 0) {
			emit_odd(c, FS_ODD_WAIT_FAILED, 0);
		} else if (c->class == FS_CALL_WAITID && (__u32)c->args[0] == ODD_PID) {
			c->args[0] = c->args[1];
			emit_odd(c, FS_ODD_WAIT_FAILED, 0);
			c->args[0] = ODD_PID;
		}
		return 0;
	}
	if (c->ret == -ESRCH)
		note_vain_signal(c);
	if (c->ret < 0)
		return 0;
	if (c->class == FS_CALL_EFFECT || c->class == FS_CALL_KILL) {
		if (is_copy())
			emit_odd(c, FS_ODD_EFFECT, 0);
	} else if (c->class == FS_CALL_MMAP) {
		if ((__u32)c->args[2] & ODD_WRITE &&
		    ((__u32)c->args[3] & ODD_SHARED_ANON) == ODD_SHARED_ANON)
			emit_odd(c, FS_ODD_SHARED_MAP, 0);
	} else if (c->class == FS_CALL_WAIT4 && c->ret > 0 && (int)c->args[0] < 1)
		emit_odd(c, FS_ODD_WAIT_ANY, 0);
	else if (c->class == FS_CALL_WAITID)
		note_waitid(c);
	else if (c->class == FS_CALL_SEEK && (__s64)c->args[1] < 0 && (__u32)c->args[2] == SEEK_CUR)
		emit_odd(c, FS_ODD_SEEK_BACK,
			 identify_fd(current_files(), c->args[0], SLOT_TRACEPOINT, 0));
	else if (c->class == FS_CALL_MADVISE &&
		 ((__u32)c->args[2] == MADV_DONTFORK || (__u32)c->args[2] == MADV_WIPEONFORK))
		emit_odd(c, FS_ODD_DONTFORK, 0);
	else if (c->class == FS_CALL_FLOCK)
		emit_odd(c, FS_ODD_FLOCK,
			 identify_fd(current_files(), c->args[0], SLOT_TRACEPOINT, 0));
	else if (c->class == FS_CALL_FCNTL &&
		 ((__u32)c->args[1] == F_SETLK || (__u32)c->args[1] == F_SETLKW)) {
		bpf_probe_read_user(&type, sizeof(type), (void *)c->args[2]);
		if (!c->compat)
			bpf_probe_read_user(&c->args[3], sizeof(c->args[3]),
					    (void *)(c->args[2] + 8));
		c->args[2] = type;
		emit_odd(c, FS_ODD_RECORD_LOCK,
			 identify_fd(current_files(), c->args[0], SLOT_TRACEPOINT, 0));
	}
	return 0;
}

/* What a child in its parent's memory must not do: get memory, wait for locks, start others, write, sleep. */
static __always_inline bool is_forbidden(__u32 nr)
{
#if defined(__TARGET_ARCH_x86)
	return nr == 1 || nr == 9 || nr == 11 || nr == 12 || nr == 20 || nr == 25 || nr == 34 ||
	       nr == 35 || nr == 56 || nr == 57 || nr == 58 || nr == 202 || nr == 230 || nr == 435;
#else
	return nr == 29 + 35 || nr == 66 || nr == 98 || nr == 101 || nr == 115 || nr == 214 ||
	       nr == 215 || nr == 216 || nr == 220 || nr == 222 || nr == 435;
#endif
}

/* Called before the tables are asked: most of these calls matter to nobody else. */
int vfork_odd(__u32 nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct proc *proc = followed(task->tgid);
	struct fs_ev_odd_call e = {};

	if (!proc || proc->vforked > VFORK_TOLD_MAX || is_compat() || !is_forbidden(nr))
		return 0;
	proc->vforked++;
	e.what = FS_ODD_VFORK_CHILD;
	e.syscall = nr;
	fill_header(&e.h, FS_EV_ODD_CALL, sizeof(e), current_address());
	emit(&e, sizeof(e), FS_EV_ODD_CALL);
	return 0;
}
