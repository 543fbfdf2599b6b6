/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * System calls of followed processes, as they return: what came of them. Built like enter.bpf.c.
 */
#include "syscall.h"

#define F_DUPFD 0
#define F_SETFD 2
#define F_DUPFD_CLOEXEC 1030
#define FD_CLOEXEC 1
#define P_PID 1
#define P_PIDFD 3
#define ERESTARTNOINTR 513

static __always_inline struct call *remembered(void)
{
	__u64 self = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&calls, &self);
}

static __always_inline bool is_remembered(__u32 class)
{
	return class <= FS_CALL_CLONE3 || class == FS_CALL_EXECVE || class == FS_CALL_EXECVEAT ||
	       class == FS_CALL_SENDMSG || class == FS_CALL_SENDMMSG;
}

int exit_fork(void)
{
	struct syscall *c = this_call();
	struct call *call = remembered();
	struct fs_ev_fork_done e = {};
	__u64 flags;

	if (!c || !call)
		return 0;
	flags = call->clone_flags;
	if (c->ret < 0 && c->class == FS_CALL_CLONE)
		flags = c->args[0];
	if (c->ret < 0 && c->class == FS_CALL_CLONE3)
		bpf_probe_read_user(&flags, sizeof(flags), (void *)c->args[0]);
	if (c->ret == -ERESTARTNOINTR || flags & CLONE_THREAD || (c->ret >= 0 && !call->child_pid))
		return 0;
	e.enter_ns = call->enter_ns;
	e.child_start_ns = call->child_start_ns;
	e.child_pid = call->child_pid;
	e.ret = c->ret;
	e.clone_flags = flags;
	e.syscall = c->nr;
	fill_header(&e.h, FS_EV_FORK_DONE, sizeof(e), current_address());
	if (c->compat)
		e.h.flags |= FS_EVENT_COMPAT;
	emit(&e, sizeof(e), FS_EV_FORK_DONE);
	return 0;
}

static __always_inline void exit_exec(struct syscall *c)
{
	if (c->ret >= 0)
		return;
	if (c->class == FS_CALL_EXECVEAT)
		emit_exec_failed(c->args[1], c->args[2], -c->ret, c->args[0], c->compat);
	else
		emit_exec_failed(c->args[0], c->args[1], -c->ret, -100, c->compat);
}

/* The process a pidfd stands for, as struct pid. */
static __always_inline struct pid *pid_of_pidfd(__u32 pidfd)
{
	struct file *file = (void *)file_of_fd(current_files(), pidfd);

	if (!file)
		return NULL;
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) == PID_FS_MAGIC)
		return BPF_CORE_READ(file, f_inode, i_private);
	return BPF_CORE_READ(file, private_data);
}

static __always_inline void emit_reap(struct syscall *c, __u32 pid, __u32 options)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fs_ev_reap e = { .child_ns_pid = pid, .options = options, .syscall = c->nr };

	if (pid_depth(task) == own_level)
		e.child_pid = pid;
	fill_header(&e.h, FS_EV_REAP, sizeof(e), address_of(task));
	if (c->compat)
		e.h.flags |= FS_EVENT_COMPAT;
	emit(&e, sizeof(e), FS_EV_REAP);
}

int exit_waitid(void)
{
	struct syscall *c = this_call();
	int pid = 0;

	if (!c)
		return 0;
	if (c->args[2])
		bpf_probe_read_user(&pid, sizeof(pid),
				    (void *)(c->args[2] + (c->compat ? 12 : 16)));
	else if ((__u32)c->args[0] == P_PID)
		pid = c->args[1];
	else if ((__u32)c->args[0] == P_PIDFD)
		pid = pid_number(pid_of_pidfd(c->args[1]), pid_depth(bpf_get_current_task_btf()));
	else
		pid = -1; /* any, and the caller did not care which */
	if (pid)
		emit_reap(c, pid > 0 ? pid : 0, c->args[3]);
	return 0;
}

int exit_setid(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fs_ev_cred e = {};

	e.uid = BPF_CORE_READ(task, cred, uid.val);
	e.euid = BPF_CORE_READ(task, cred, euid.val);
	e.suid = BPF_CORE_READ(task, cred, suid.val);
	e.gid = BPF_CORE_READ(task, cred, gid.val);
	e.egid = BPF_CORE_READ(task, cred, egid.val);
	e.sgid = BPF_CORE_READ(task, cred, sgid.val);
	fill_header(&e.h, FS_EV_CRED, sizeof(e), address_of(task));
	emit(&e, sizeof(e), FS_EV_CRED);
	return 0;
}

int exit_send(void)
{
	struct syscall *c = this_call();
	struct call *call = remembered();
	struct fs_ev_fd_send_failed e = {};

	if (!c || !call)
		return 0;
	if (call->note == NOTE_RETRY_AT_EXIT) {
		if (c->ret >= 0)
			send_messages(c);
		return 0;
	}
	if (c->ret >= 0 && (c->class != FS_CALL_SENDMMSG || c->ret >= (__s64)(__u32)c->args[2]))
		return 0;
	e.error = c->ret < 0 ? -c->ret : 0;
	e.messages = c->ret < 0 ? 0 : c->ret;
	fill_header(&e.h, FS_EV_FD_SEND_FAILED, sizeof(e), current_address());
	emit(&e, sizeof(e), FS_EV_FD_SEND_FAILED);
	return 0;
}

int exit_receive(void)
{
	struct syscall *c = this_call();
	bool many;
	__u32 flags, how;

	if (!c)
		return 0;
	many = c->class == FS_CALL_RECVMMSG;
	flags = many ? c->args[3] : c->args[2];
	how = c->nr << PASS_NR_SHIFT | PASS_RECEIVED;
	if (c->compat)
		how |= PASS_COMPAT;
	if (flags & MSG_CMSG_CLOEXEC)
		how |= PASS_WANT_CLOEXEC;
	if (flags & MSG_PEEK)
		how |= PASS_PEEKED;
	emit_messages(c->args[1], c->args[0], many ? c->ret : 1, how);
	return 0;
}

int exit_getfd(void)
{
	struct syscall *c = this_call();
	struct fs_ev_fd_getfd e = {};

	if (!c || config.fds < FS_FDS_PASS)
		return 0;
	e.from_fd = c->args[1];
	e.fd = c->ret;
	e.pidfd = c->args[0];
	e.from_pid = pid_number(pid_of_pidfd(c->args[0]), own_level);
	e.file = identify_fd(current_files(), e.fd, SLOT_TRACEPOINT, 0);
	fill_header(&e.h, FS_EV_FD_GETFD, sizeof(e), current_address());
	emit(&e, sizeof(e), FS_EV_FD_GETFD);
	return 0;
}

static __always_inline void emit_blind_spot(__u32 what)
{
	struct fs_ev_blind_spot e = { .what = what };

	fill_header(&e.h, FS_EV_BLIND_SPOT, sizeof(e), current_address());
	emit(&e, sizeof(e), FS_EV_BLIND_SPOT);
}

int emit_open(__u32 fd)
{
	struct syscall *c = this_call();
	__u64 table = current_files();

	if (c)
		emit_fd(FS_EV_FD_OPEN, identify_fd(table, fd, SLOT_TRACEPOINT, 1), fd,
			fd_is_cloexec(table, fd), c->nr);
	return 0;
}

static __always_inline void emit_dup(struct syscall *c)
{
	__u64 table = current_files();
	struct fs_ev_fd_dup e = { .old_fd = c->args[0], .fd = c->ret, .syscall = c->nr };

	e.file = identify_fd(table, e.fd, SLOT_TRACEPOINT, 0);
	e.flags = fd_is_cloexec(table, e.fd);
	fill_header(&e.h, FS_EV_FD_DUP, sizeof(e), current_address());
	emit(&e, sizeof(e), FS_EV_FD_DUP);
}

static __always_inline void emit_cloexec(struct syscall *c, bool on)
{
	emit_fd(FS_EV_FD_CLOEXEC, identify_fd(current_files(), c->args[0], SLOT_TRACEPOINT, 0),
		c->args[0], on, c->nr);
}

static __always_inline void emit_pair(__u64 address)
{
	__u32 fds[2];

	if (bpf_probe_read_user(fds, sizeof(fds), (void *)address))
		return;
	emit_open(fds[0]);
	emit_open(fds[1]);
}

static __always_inline void emit_close_range(struct syscall *c)
{
	struct fs_ev_fd_close_range e = { .first = c->args[0],
					  .last = c->args[1],
					  .range_flags = c->args[2] };

	fill_header(&e.h, FS_EV_FD_CLOSE_RANGE, sizeof(e), current_address());
	emit(&e, sizeof(e), FS_EV_FD_CLOSE_RANGE);
}

/* Pipes, and sockets but those of single messages, which may be empty. */
static __always_inline bool ends_with_nothing(struct file *file)
{
	__u32 mode = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
	struct socket *socket = BPF_CORE_READ(file, private_data);

	if (mode != S_IFSOCK)
		return mode == S_IFIFO;
	return BPF_CORE_READ(socket, sk, sk_type) == SOCK_STREAM;
}

/* Whoever asks for the end again and again is told of once. */
int emit_eof(__u32 fd)
{
	struct proc *proc = followed(bpf_get_current_pid_tgid() >> 32);
	struct syscall *c = this_call();
	__u64 table = current_files(), file;

	if (!proc || !c || !ends_with_nothing((void *)file_of_fd(table, fd)))
		return 0;
	file = identify_fd(table, fd, SLOT_TRACEPOINT, 0);
	if (file && file != proc->eof_file)
		emit_fd(FS_EV_FD_EOF, file, fd, 0, c->nr);
	proc->eof_file = file;
	return 0;
}

/* Calls that are told at FS_FDS_FULL only; all of them succeeded. */
int exit_full(void)
{
	struct syscall *c = this_call();
	__u32 class, command;

	if (!c)
		return 0;
	class = c->class;
	command = c->args[1];
	if (c->entry & FS_CALL_READS && !c->ret && (class == FS_CALL_RECVMSG || c->args[2]))
		emit_eof(c->args[0]);
	else if (class == FS_CALL_OPEN || class == FS_CALL_IO_URING_SETUP ||
		 (class == FS_CALL_SIGNALFD && (int)c->args[0] == -1))
		emit_open(c->ret);
	else if (class == FS_CALL_PIPE)
		emit_pair(c->args[0]);
	else if (class == FS_CALL_SOCKETPAIR)
		emit_pair(c->args[3]);
	else if (class == FS_CALL_CLOSE_RANGE)
		emit_close_range(c);
	else if (class == FS_CALL_DUP && (__u32)c->args[0] != (__u32)c->ret)
		emit_dup(c);
	else if (class == FS_CALL_FCNTL && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		emit_dup(c);
	else if (class == FS_CALL_FCNTL && command == F_SETFD)
		emit_cloexec(c, c->args[2] & FD_CLOEXEC);
	else if (class == FS_CALL_IOCTL && (command == FIOCLEX || command == FIONCLEX))
		emit_cloexec(c, command == FIOCLEX);
	return 0;
}

/* What only a call that succeeded did. */
static __always_inline void exit_success(struct syscall *c, struct proc *proc)
{
	switch (c->class) {
	case FS_CALL_WAIT4:
		if (c->ret > 0)
			emit_reap(c, c->ret, c->args[2]);
		break;
	case FS_CALL_WAITID:
		exit_waitid();
		break;
	case FS_CALL_SETID:
		exit_setid();
		break;
	case FS_CALL_GETFD:
		exit_getfd();
		break;
	case FS_CALL_RECVMSG:
	case FS_CALL_RECVMMSG:
		if (config.fds >= FS_FDS_PASS)
			exit_receive();
		break;
	case FS_CALL_IO_URING_SETUP:
		emit_blind_spot(FS_BLIND_IO_URING);
		break;
	case FS_CALL_STATE:
		proc->state_dirty = 1;
		break;
	case FS_CALL_UNSHARE:
		if (c->args[0] & CLONE_FILES)
			emit_fd(FS_EV_FD_UNSHARE, 0, 0, 0, c->nr);
		break;
	}
	if (config.fds >= FS_FDS_FULL)
		exit_full();
}

SEC("raw_tp/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	__u64 self = bpf_get_current_pid_tgid();
	struct proc *proc = followed(self >> 32);
	struct syscall *c;
	struct call *call;

	if (!proc)
		return 0;
	c = begin_call(exit_nr());
	if (!c)
		return 0;
	c->ret = c->compat ? (int)ret : ret;
	call = is_remembered(c->class) ? remembered() : NULL;
	if (call && call->class == c->class) {
		if (c->class <= FS_CALL_CLONE3)
			exit_fork();
		else if (c->class == FS_CALL_EXECVE || c->class == FS_CALL_EXECVEAT)
			exit_exec(c);
		else
			exit_send();
		bpf_map_delete_elem(&calls, &self);
	}
	if (config.odd)
		exit_odd();
	if (c->ret >= 0)
		exit_success(c, proc);
	return 0;
}
