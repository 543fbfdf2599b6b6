/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The registers of threads that are in the kernel, read without stopping them, since /proc shows only the stack
 * pointer and the place: `forkscope why` unwinds from these, all threads' at once by an iterator; and `check`,
 * which wants to know where the threads were that a fork did not copy.
 */
#include "probe.h"

/* Returns the program counter. */
static __always_inline __u64 read_registers(__u64 *words, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	words[0] = BPF_CORE_READ(regs, ax);
	words[1] = BPF_CORE_READ(regs, dx);
	words[2] = BPF_CORE_READ(regs, cx);
	words[3] = BPF_CORE_READ(regs, bx);
	words[4] = BPF_CORE_READ(regs, si);
	words[5] = BPF_CORE_READ(regs, di);
	words[6] = BPF_CORE_READ(regs, bp);
	words[7] = BPF_CORE_READ(regs, sp);
	words[8] = BPF_CORE_READ(regs, r8);
	words[9] = BPF_CORE_READ(regs, r9);
	words[10] = BPF_CORE_READ(regs, r10);
	words[11] = BPF_CORE_READ(regs, r11);
	words[12] = BPF_CORE_READ(regs, r12);
	words[13] = BPF_CORE_READ(regs, r13);
	words[14] = BPF_CORE_READ(regs, r14);
	words[15] = BPF_CORE_READ(regs, r15);
	words[16] = BPF_CORE_READ(regs, ip);
	return words[16];
#elif defined(__TARGET_ARCH_arm64)
	for (int i = 0; i < 31; i++)
		words[i] = BPF_CORE_READ(regs, regs[i]);
	words[31] = BPF_CORE_READ(regs, sp);
	words[32] = BPF_CORE_READ(regs, pc);
	return words[32];
#endif
}

SEC("iter/task")
int tell_registers(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct fs_registers r = {};

	if (!task || BPF_CORE_READ(task, flags) & PF_KTHREAD || !BPF_CORE_READ(task, mm))
		return 0;
	r.pid = BPF_CORE_READ(task, tgid);
	r.tid = BPF_CORE_READ(task, pid);
	r.pc = read_registers(r.words, (void *)bpf_task_pt_regs(task));
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

struct fork_walk {
	__u64 at; /* the list's next node */
	__u64 head;
	__u64 self;
	__u64 regs; /* from a task's stack to its user registers: the same for all tasks */
};

static long fork_thread_step(__u32 i, struct fork_walk *w)
{
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct task_struct *task;

	if (!s || w->at == w->head || !w->at)
		return 1;
	task = (void *)(w->at - bpf_core_field_offset(struct task_struct, thread_node));
	w->at = address_of(BPF_CORE_READ(task, thread_node.next));
	if ((__u64)task == w->self)
		return 0;
	s->thread.other_tid = thread_number(task);
	s->thread.running = bpf_core_field_exists(task->on_cpu) ? BPF_CORE_READ(task, on_cpu) : 0;
	BPF_CORE_READ_STR_INTO(&s->thread.comm, task, comm);
	s->thread.pc = read_registers(s->thread.words,
				      (void *)(address_of(BPF_CORE_READ(task, stack)) + w->regs));
	emit(&s->thread, sizeof(s->thread), FS_EV_FORK_THREAD);
	return 0;
}

/*
 * Called by the creator when the child's memory is a copy already: what the other threads did since is not in it,
 * and one that writes to its stack must enter the kernel first, by the page fault of the copy.
 */
int emit_fork_threads(__u64 child)
{
	struct task_struct *self = bpf_get_current_task_btf(), *born = (void *)child;
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct signal_struct *signal = BPF_CORE_READ(self, signal);
	struct fork_walk w = {};

	if (!s || !signal)
		return 0;
	__builtin_memset(&s->thread, 0, sizeof(s->thread));
	fill_header(&s->thread.h, FS_EV_FORK_THREAD, sizeof(s->thread), current_address());
	s->thread.child_pid = process_number(born);
	s->thread.child_start_ns = BPF_CORE_READ(born, start_boottime);
	w.self = current_address();
	w.regs = address_of((void *)bpf_task_pt_regs(self)) -
		 address_of(BPF_CORE_READ(self, stack));
	w.head = (__u64)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	w.at = address_of(BPF_CORE_READ(signal, thread_head.next));
	bpf_loop(64, fork_thread_step, &w, 0);
	return 0;
}
