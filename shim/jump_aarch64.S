/* SPDX-License-Identifier: MIT */
/* The same as jump_x86_64.S, which tells why. */
#ifdef __aarch64__

	.text
	.globl vfork
	.type vfork, %function
vfork:
	.cfi_startproc
	stp x29, x30, [sp, -16]!
	.cfi_def_cfa_offset 16
	.cfi_offset x29, -16
	.cfi_offset x30, -8
	mov x0, x30
	bl shim_before_vfork
	mov x16, x0
	ldp x29, x30, [sp], 16
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	br x16
	.cfi_endproc
	.size vfork, . - vfork

	.globl syscall
	.type syscall, %function
syscall:
	.cfi_startproc
	stp x29, x30, [sp, -80]!
	.cfi_def_cfa_offset 80
	.cfi_offset x29, -80
	.cfi_offset x30, -72
	stp x0, x1, [sp, 16]
	stp x2, x3, [sp, 32]
	stp x4, x5, [sp, 48]
	stp x6, x7, [sp, 64]
	mov x2, x3
	mov x3, x30
	bl shim_before_syscall
	mov x16, x0
	ldp x0, x1, [sp, 16]
	ldp x2, x3, [sp, 32]
	ldp x4, x5, [sp, 48]
	ldp x6, x7, [sp, 64]
	ldp x29, x30, [sp], 80
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	br x16
	.cfi_endproc
	.size syscall, . - syscall

	.globl dlopen
	.type dlopen, %function
dlopen:
	.cfi_startproc
	stp x29, x30, [sp, -32]!
	.cfi_def_cfa_offset 32
	.cfi_offset x29, -32
	.cfi_offset x30, -24
	stp x0, x1, [sp, 16]
	bl shim_before_dlopen
	mov x16, x0
	ldp x0, x1, [sp, 16]
	ldp x29, x30, [sp], 32
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	br x16
	.cfi_endproc
	.size dlopen, . - dlopen

#endif
	.section .note.GNU-stack, "", %progbits
