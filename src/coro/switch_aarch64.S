/*
 * switch_aarch64.S - the switch for AAPCS64: x19 to x28, the frame pointer,
 * the link register, the lower halves of v8 to v15 and the stack pointer are
 * what a call preserves. It leaves by "ret", because the place it goes on at is
 * no landing pad: where branches are checked, a jump to it would be refused.
 *
 * The frame, in words from the saved stack pointer: x19 to x30, d8 to d15.
 */
	.text

/* void switch_asm(void **ret_sp, void *sp) */
	.globl	switch_asm
	.hidden	switch_asm
	.type	switch_asm, %function
	.p2align 4
switch_asm:
	.cfi_startproc
	hint	#34		/* bti c: a landing pad where branches are checked */
	sub	sp, sp, #160
	.cfi_adjust_cfa_offset 160
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #160
	.cfi_adjust_cfa_offset -160
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	switch_asm, . - switch_asm

/* The first return of a new stack: x19 is the entry, x20 its argument. */
	.globl	switch_asm_begin
	.hidden	switch_asm_begin
	.type	switch_asm_begin, %function
	.p2align 4
switch_asm_begin:
	.cfi_startproc
	.cfi_undefined x30	/* nobody called it: a backtrace ends here */
	hint	#34
	mov	x0, x20
	blr	x19
	brk	#1
	.cfi_endproc
	.size	switch_asm_begin, . - switch_asm_begin

	.section .note.GNU-stack, "", %progbits
