/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The registers of threads that are in a system call, read without stopping them: `forkscope why` unwinds
 * from these, since /proc shows only the stack pointer and the place. Loaded for nothing else.
 */
#include "probe.h"

static __always_inline void read_registers(struct fs_registers *r, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	r->words[0] = BPF_CORE_READ(regs, ax);
	r->words[1] = BPF_CORE_READ(regs, dx);
	r->words[2] = BPF_CORE_READ(regs, cx);
	r->words[3] = BPF_CORE_READ(regs, bx);
	r->words[4] = BPF_CORE_READ(regs, si);
	r->words[5] = BPF_CORE_READ(regs, di);
	r->words[6] = BPF_CORE_READ(regs, bp);
	r->words[7] = BPF_CORE_READ(regs, sp);
	r->words[8] = BPF_CORE_READ(regs, r8);
	r->words[9] = BPF_CORE_READ(regs, r9);
	r->words[10] = BPF_CORE_READ(regs, r10);
	r->words[11] = BPF_CORE_READ(regs, r11);
	r->words[12] = BPF_CORE_READ(regs, r12);
	r->words[13] = BPF_CORE_READ(regs, r13);
	r->words[14] = BPF_CORE_READ(regs, r14);
	r->words[15] = BPF_CORE_READ(regs, r15);
	r->words[16] = r->pc = BPF_CORE_READ(regs, ip);
#elif defined(__TARGET_ARCH_arm64)
	for (int i = 0; i < 31; i++)
		r->words[i] = BPF_CORE_READ(regs, regs[i]);
	r->words[31] = BPF_CORE_READ(regs, sp);
	r->words[32] = r->pc = BPF_CORE_READ(regs, pc);
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
	read_registers(&r, (void *)bpf_task_pt_regs(task));
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
