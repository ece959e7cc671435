#ifndef WEIR_BASE_TRACE_H
#define WEIR_BASE_TRACE_H
/*
 * trace.h - whose code a thread was in when a signal came: the registers, and
 * the addresses that its functions will return to, found by frame pointers.
 * Signal handlers may call all of it; it reads nothing but what it is given,
 * whatever the registers hold. For x86-64 and AArch64; elsewhere it finds nothing.
 *
 * It sees what was compiled with -fno-omit-frame-pointer, as weir and its
 * modules are. A function without a frame, such as one of the C library's,
 * hides its caller: daemon/symbols, which has tables for them, does better.
 */
#include <stddef.h>
#include <stdint.h>

#define TRACE_REGS 33

struct trace_regs {
	uintptr_t pc, sp, fp;
	unsigned n;			 /* of by_number; 0: only pc and sp are known */
	uintptr_t by_number[TRACE_REGS]; /* as DWARF numbers them */
};

/* From the third argument of a handler with SA_SIGINFO. */
void trace_regs_of(const void *ucontext, struct trace_regs *ret_regs);

/* Part of a stack, or a copy of it: bytes holds what lies from low to high. */
struct trace_stack {
	uintptr_t low, high;
	const void *bytes;
};

/*
 * pc, and what each frame from fp on returns to; how many. It stops at the
 * first frame that is not wholly in the stack, not aligned, or not above the
 * one before.
 */
size_t trace_walk(const struct trace_stack *stack, uintptr_t pc, uintptr_t fp,
		  uintptr_t *ret_addresses, size_t max);
/* The word at an address; 0 outside of the stack. */
uintptr_t trace_word(const struct trace_stack *stack, uintptr_t at);

/*
 * return trace_keep(f(x)) calls f, where return f(x) would jump to it and leave no frame of its
 * own: for functions of which a trace has to tell that they wait.
 */
static inline int trace_keep(int result)
{
	__asm__ volatile("" : "+r"(result));
	return result;
}

#endif
