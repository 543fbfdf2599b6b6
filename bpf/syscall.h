/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Arguments of a system call from its registers, by architecture and ABI; at enter and at exit. */
#ifndef BPF_SYSCALL_H
#define BPF_SYSCALL_H

#include "probe.h"

/* The system call that the present probe is about. */
static __always_inline struct syscall *this_call(void)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);

	if (!d)
		return NULL;
	/* The offset must not be added before the check: the verifiers of 6.1 and 6.12 refuse that. */
	barrier_var(d);
	return &d->call;
}

static __always_inline __u16 table_entry(__u32 nr, __u32 compat)
{
	if (nr >= FS_CALL_TABLE)
		return 0;
	return compat ? call_table32[nr & (FS_CALL_TABLE - 1)]
		      : call_table[nr & (FS_CALL_TABLE - 1)];
}

/*
 * The registers of the call under way: those that the tracepoint tells, but as a pointer that the verifier
 * knows, so that reading one takes no helper's call.
 */
static __always_inline struct pt_regs *call_regs(void)
{
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

static __always_inline __u32 exit_nr(void)
{
#if defined(__TARGET_ARCH_x86)
	return call_regs()->orig_ax;
#else
	return call_regs()->syscallno;
#endif
}

/* All registers keep their values until the call returns, but for a successful exec. */
static __always_inline void read_args(struct syscall *c)
{
	struct pt_regs *regs = call_regs();

#if defined(__TARGET_ARCH_x86)
	if (c->compat) {
		c->args[0] = (__u32)regs->bx;
		c->args[1] = (__u32)regs->cx;
		c->args[2] = (__u32)regs->dx;
		c->args[3] = (__u32)regs->si;
		c->args[4] = (__u32)regs->di;
		c->args[5] = (__u32)regs->bp;
	} else {
		c->args[0] = regs->di;
		c->args[1] = regs->si;
		c->args[2] = regs->dx;
		c->args[3] = regs->r10;
		c->args[4] = regs->r8;
		c->args[5] = regs->r9;
	}
#else
	c->args[0] = regs->orig_x0;
	c->args[1] = regs->regs[1];
	c->args[2] = regs->regs[2];
	c->args[3] = regs->regs[3];
	c->args[4] = regs->regs[4];
	c->args[5] = regs->regs[5];
#endif
}

/* i386 socketcall numbers */
enum {
	SC_SOCKET = 1,
	SC_ACCEPT = 5,
	SC_SOCKETPAIR = 8,
	SC_SENDMSG = 16,
	SC_RECVMSG = 17,
	SC_ACCEPT4 = 18,
	SC_RECVMMSG = 19,
	SC_SENDMMSG = 20
};

/* i386: the socket call's own arguments lie in memory. Turns the call into the one it stands for. */
static __always_inline void unfold_socketcall(struct syscall *c)
{
	__u32 kind = c->args[0], words[5] = {};

	bpf_probe_read_user(words, sizeof(words), (void *)c->args[1]);
	for (int i = 0; i < 5; i++)
		c->args[i] = words[i];
	if (kind == SC_SENDMSG)
		c->entry = FS_CALL_SENDMSG | FS_CALL_FD0 | FS_CALL_WRITES;
	else if (kind == SC_RECVMSG)
		c->entry = FS_CALL_RECVMSG | FS_CALL_FD0;
	else if (kind == SC_SENDMMSG)
		c->entry = FS_CALL_SENDMMSG | FS_CALL_FD0 | FS_CALL_WRITES;
	else if (kind == SC_RECVMMSG)
		c->entry = FS_CALL_RECVMMSG | FS_CALL_FD0;
	else if (kind == SC_SOCKET)
		c->entry = FS_CALL_OPEN;
	else if (kind == SC_ACCEPT || kind == SC_ACCEPT4)
		c->entry = FS_CALL_OPEN | FS_CALL_FD0;
	else if (kind == SC_SOCKETPAIR)
		c->entry = FS_CALL_SOCKETPAIR;
	else
		c->entry = FS_CALL_FD0; /* the others name a socket first */
}

/* Fills the CPU's slot with the call; NULL when the tables say that it does not matter. */
static __always_inline struct syscall *begin_call(__u32 nr)
{
	__u32 compat = is_compat();
	__u16 entry = table_entry(nr, compat);
	struct syscall *c;

	if (!entry)
		return NULL;
	c = this_call();
	if (!c)
		return NULL;
	c->nr = nr;
	c->compat = compat;
	c->entry = entry;
	c->ret = 0;
	read_args(c);
	if ((entry & 0xff) == FS_CALL_SOCKETCALL)
		unfold_socketcall(c);
	c->class = c->entry & 0xff;
	return c;
}

static __always_inline __u64 current_files(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return (__u64)BPF_CORE_READ(task, files);
}

static __always_inline void emit_fd(__u16 type, __u64 file, __u32 fd, __u32 flags, __u32 nr)
{
	struct fs_ev_fd e = { .file = file, .fd = fd, .flags = flags, .syscall = nr };

	fill_header(&e.h, type, sizeof(e), current_address());
	emit(&e, sizeof(e), type);
}

/* Returns how many messages with fds were told, or -1 when memory could not be read (yet). */
int emit_messages(__u64 msg, __u32 sock_fd, __u32 messages, __u32 how);
int emit_message(void);
int walk_control(__u64 control, __u64 length);
int note_fd_use(__u32 fd, __u32 nr);
int note_poll(__u64 fds, __u32 count, __u32 nr);
int note_select(__u64 set0, __u64 set1, __u64 set2, __u32 nfds, __u32 nr);
int enter_odd(void);
int exit_odd(void);
int vfork_odd(__u32 nr);
int emit_exec_failed(__u64 filename, __u64 argv, int error, int dirfd, __u32 compat);

/* `how` of emit_messages: flags, with the system call's number above. */
#define PASS_RECEIVED 0x1
#define PASS_COMPAT 0x4
#define PASS_WANT_CLOEXEC 0x8
#define PASS_PEEKED 0x10
#define PASS_NR_SHIFT 16

static __always_inline int send_messages(struct syscall *c)
{
	__u32 how = c->nr << PASS_NR_SHIFT | (c->compat ? PASS_COMPAT : 0);

	return emit_messages(c->args[1], c->args[0], c->class == FS_CALL_SENDMMSG ? c->args[2] : 1,
			     how);
}

#define FIONCLEX 0x5450
#define FIOCLEX 0x5451

#endif
