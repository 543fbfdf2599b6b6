/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * System calls of followed processes, as they begin: what must be seen before it happens (sends, closes,
 * first uses, when a fork or exec began). Other processes cost one map look-up.
 *
 * The tracepoint fires for 32-bit callers too; the table of the caller's ABI tells what a number means.
 * Each handler is a global function without arguments, verified once by itself: it finds the call in
 * the CPU's slot.
 */
#include "syscall.h"

#define CLONE_ARGS_STACK 40 /* offset in struct clone_args */

#define AT_EMPTY_PATH 0x1000
#define F_GETFD 1
#define F_SETFD 2

static __always_inline void remember_call(struct syscall *c, __u32 note)
{
	__u64 self = bpf_get_current_pid_tgid();
	struct call call = { .enter_ns = bpf_ktime_get_ns(), .nr = c->nr, .note = note };

	call.class = c->entry & 0xff;
	bpf_map_update_elem(&calls, &self, &call, BPF_ANY);
}

static __always_inline __u32 gives_stack(struct syscall *c)
{
	__u64 stack = 0;

	if ((c->entry & 0xff) == FS_CALL_CLONE)
		stack = c->args[1];
	else if ((c->entry & 0xff) == FS_CALL_CLONE3)
		bpf_probe_read_user(&stack, sizeof(stack), (void *)(c->args[0] + CLONE_ARGS_STACK));
	return stack != 0;
}

/* Told before they are sent, so that no receiver is ever seen before its sender. */
int enter_send(void)
{
	struct syscall *c = this_call();
	int told;

	if (!c || config.fds < FS_FDS_PASS)
		return 0;
	told = send_messages(c);
	if (told > 0)
		remember_call(c, NOTE_SENT);
	else if (told < 0)
		remember_call(c, NOTE_RETRY_AT_EXIT);
	return 0;
}

int enter_close(void)
{
	struct syscall *c = this_call();
	__u64 file;

	if (!c)
		return 0;
	file = identify_fd(current_files(), c->args[0], SLOT_TRACEPOINT, 0);
	if (file)
		emit_fd(FS_EV_FD_CLOSE, file, c->args[0], 0, c->nr);
	return 0;
}

static __always_inline bool is_channel(__u32 fd)
{
	struct file *file = (void *)file_of_fd(current_files(), fd);
	__u32 mode = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;

	return mode == S_IFSOCK || mode == S_IFIFO;
}

static __always_inline void emit_calls(struct scratch *s, __u32 count)
{
	fill_header(&s->h, FS_EV_CALLS, sizeof(s->calls), current_address());
	s->calls.count = count;
	emit(&s->calls, sizeof(s->calls), FS_EV_CALLS);
}

/* Both records are built in the slot: this is as deep as the stack of sys_enter gets. */
int enter_write(void)
{
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct syscall *c = this_call();
	struct proc *proc = followed(bpf_get_current_pid_tgid() >> 32);
	__u32 fd;
	__u64 file;

	if (!c || !s || !proc)
		return 0;
	fd = c->args[0];
	if (!is_channel(fd))
		return 0;
	file = identify_fd(current_files(), fd, SLOT_TRACEPOINT, 0);
	__builtin_memset(&s->write, 0, sizeof(s->write));
	fill_header(&s->h, FS_EV_FIRST_WRITE, sizeof(s->write), current_address());
	s->write.file = file;
	s->write.fd = fd;
	s->write.syscall = c->nr;
	emit(&s->write, sizeof(s->write), FS_EV_FIRST_WRITE);
	if (proc->calls < CALLS_MAX)
		emit_calls(s, proc->calls);
	return 1;
}

/* fstat in disguise: an empty path, or none. */
static __always_inline bool is_plain_stat(struct syscall *c)
{
	__u64 flags = c->args[c->nr == 332 || c->nr == 383 || c->nr == 291 ? 2 : 3]; /* statx */
	char first = 1;

	if (!(flags & AT_EMPTY_PATH))
		return false;
	if (c->args[1])
		bpf_probe_read_user(&first, 1, (void *)c->args[1]);
	else
		first = 0;
	return first == 0;
}

/* Calls that only look at a fd's number, or let go of it, use nothing. */
int enter_uses(void)
{
	struct syscall *c = this_call();
	__u32 class;

	if (!c)
		return 0;
	class = c->class;
	if (class == FS_CALL_CLOSE || class == FS_CALL_CLOSE_RANGE)
		return 0;
	if (class == FS_CALL_FCNTL &&
	    ((__u32)c->args[1] == F_GETFD || (__u32)c->args[1] == F_SETFD))
		return 0;
	if (class == FS_CALL_IOCTL &&
	    ((__u32)c->args[1] == FIOCLEX || (__u32)c->args[1] == FIONCLEX))
		return 0;
	if (class == FS_CALL_STATAT && is_plain_stat(c))
		return 0;
	for (int i = 0; i < 5; i++)
		if (c->entry & FS_CALL_FD0 << i)
			note_fd_use(c->args[i], c->nr);
	if (class == FS_CALL_POLL)
		note_poll(c->args[0], c->args[1], c->nr);
	if (class == FS_CALL_SELECT)
		note_select(c->args[1], c->args[2], c->args[3], c->args[0], c->nr);
	return 0;
}

SEC("raw_tp/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct proc *proc = followed(task->tgid);
	struct syscall *c;
	__u32 class;

	if (!proc)
		return 0;
	if (config.fds >= FS_FDS_PASS && !proc->wrote && proc->calls < CALLS_MAX)
		__sync_fetch_and_add(&proc->calls, 1);
	if (config.odd && proc->vforked)
		vfork_odd(nr);
	c = begin_call(nr);
	if (!c)
		return 0;
	class = c->class;
	if (class >= FS_CALL_FORK && class <= FS_CALL_CLONE3) {
		remember_call(c, gives_stack(c));
	} else if (class == FS_CALL_EXECVE || class == FS_CALL_EXECVEAT) {
		remember_call(c, 0);
		emit_state(address_of(task), FS_STATE_BEFORE_EXEC, SLOT_TRACEPOINT);
	} else if (class == FS_CALL_SENDMSG || class == FS_CALL_SENDMMSG) {
		enter_send();
	}
	if (config.fds >= FS_FDS_PASS && c->entry & FS_CALL_WRITES && !proc->wrote &&
	    (__u32)c->args[0] > 2 && enter_write())
		proc->wrote = 1;
	if (config.odd)
		enter_odd();
	if (config.fds >= FS_FDS_FULL) {
		if (class == FS_CALL_CLOSE)
			enter_close();
		enter_uses();
	}
	return 0;
}
