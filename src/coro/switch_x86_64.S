/*
 * switch_x86_64.S - the switch for the System V ABI: rbx, rbp, r12 to r15 and
 * the stack pointer are what a call preserves. It leaves by a jump, not by
 * "ret": the processor predicts a return from the calls made on the other
 * stack, and would be wrong each time. For the same reason this file carries
 * no shadow-stack property, and the linker then marks nothing built with it.
 *
 * The frame, in words from the saved stack pointer: r15 r14 r13 r12 rbx rbp rip.
 */
	.text

/* void switch_asm(void **ret_sp, void *sp) */
	.globl	switch_asm
	.hidden	switch_asm
	.type	switch_asm, @function
	.p2align 4
switch_asm:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	.cfi_adjust_cfa_offset -8
	popq	%r14
	.cfi_adjust_cfa_offset -8
	popq	%r13
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	.cfi_restore %rbx
	.cfi_restore %r12
	.cfi_restore %r13
	.cfi_restore %r14
	.cfi_restore %r15
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	jmp	*%rcx
	.cfi_endproc
	.size	switch_asm, . - switch_asm

/* The first return of a new stack: r13 is the entry, r12 its argument. */
	.globl	switch_asm_begin
	.hidden	switch_asm_begin
	.type	switch_asm_begin, @function
	.p2align 4
switch_asm_begin:
	.cfi_startproc
	.cfi_undefined %rip	/* nobody called it: a backtrace ends here */
	movq	%r12, %rdi
	callq	*%r13
	ud2
	.cfi_endproc
	.size	switch_asm_begin, . - switch_asm_begin

	.section .note.GNU-stack, "", @progbits
