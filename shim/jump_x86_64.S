/* SPDX-License-Identifier: MIT */
/*
 * vfork, syscall and dlopen: a pre-hook, and a jump. vfork returns twice through its caller's frame, so none of
 * ours may lie between (syscall(SYS_vfork) likewise); dlopen looks at its return address to know who asks.
 */
#ifdef __x86_64__

	.text
	.globl vfork
	.type vfork, @function
vfork:
	.cfi_startproc
	endbr64
	movq (%rsp), %rdi
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	call shim_before_vfork
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp *%rax
	.cfi_endproc
	.size vfork, . - vfork

	.globl syscall
	.type syscall, @function
syscall:
	.cfi_startproc
	endbr64
	pushq %rdi
	.cfi_adjust_cfa_offset 8
	pushq %rsi
	.cfi_adjust_cfa_offset 8
	pushq %rdx
	.cfi_adjust_cfa_offset 8
	pushq %rcx
	.cfi_adjust_cfa_offset 8
	pushq %r8
	.cfi_adjust_cfa_offset 8
	pushq %r9
	.cfi_adjust_cfa_offset 8
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	movq %rcx, %rdx
	movq 56(%rsp), %rcx
	call shim_before_syscall
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	popq %r9
	.cfi_adjust_cfa_offset -8
	popq %r8
	.cfi_adjust_cfa_offset -8
	popq %rcx
	.cfi_adjust_cfa_offset -8
	popq %rdx
	.cfi_adjust_cfa_offset -8
	popq %rsi
	.cfi_adjust_cfa_offset -8
	popq %rdi
	.cfi_adjust_cfa_offset -8
	jmp *%rax
	.cfi_endproc
	.size syscall, . - syscall

	.globl dlopen
	.type dlopen, @function
dlopen:
	.cfi_startproc
	endbr64
	pushq %rdi
	.cfi_adjust_cfa_offset 8
	pushq %rsi
	.cfi_adjust_cfa_offset 8
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	call shim_before_dlopen
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	popq %rsi
	.cfi_adjust_cfa_offset -8
	popq %rdi
	.cfi_adjust_cfa_offset -8
	jmp *%rax
	.cfi_endproc
	.size dlopen, . - dlopen

#endif
	.section .note.GNU-stack, "", %progbits
