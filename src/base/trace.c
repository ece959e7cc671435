/*
 * trace.c - see trace.h. Both processors keep the same two words where the
 * frame pointer points to: the caller's frame pointer, and the return address.
 */
#include "base/trace.h"

#include <string.h>
#include <ucontext.h>

#define WORD sizeof(uintptr_t)

/* AArch64 may have signed a return address: what user space can address is below. */
#if defined(__aarch64__)
#define ADDRESS_MASK (((uintptr_t)1 << 48) - 1)
#else
#define ADDRESS_MASK UINTPTR_MAX
#endif

void trace_regs_of(const void *ucontext, struct trace_regs *ret_regs)
{
	struct trace_regs *regs = ret_regs;

	memset(regs, 0, sizeof(*regs));
#if defined(__x86_64__)
	static const int order[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
				     REG_RBP, REG_RSP, REG_R8,	REG_R9,	 REG_R10, REG_R11,
				     REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };
	const greg_t *gregs = ((const ucontext_t *)ucontext)->uc_mcontext.gregs;

	for (regs->n = 0; regs->n < sizeof(order) / sizeof(order[0]); regs->n++)
		regs->by_number[regs->n] = (uintptr_t)gregs[order[regs->n]];
	regs->pc = (uintptr_t)gregs[REG_RIP];
	regs->sp = (uintptr_t)gregs[REG_RSP];
	regs->fp = (uintptr_t)gregs[REG_RBP];
#elif defined(__aarch64__)
	const mcontext_t *m = &((const ucontext_t *)ucontext)->uc_mcontext;

	for (regs->n = 0; regs->n < 31; regs->n++)
		regs->by_number[regs->n] = m->regs[regs->n];
	regs->by_number[regs->n++] = m->sp;
	regs->pc = m->pc;
	regs->sp = m->sp;
	regs->fp = m->regs[29];
#endif
}

/* Memory of others, which a sanitizer may have an opinion on: frames lie between what it knows. */
__attribute__((no_sanitize("address", "thread"))) uintptr_t trace_word(
	const struct trace_stack *stack, uintptr_t at)
{
	const volatile uintptr_t *words = stack->bytes;

	if (at % WORD || at < stack->low || stack->high < WORD || at > stack->high - WORD)
		return 0;
	return words[(at - stack->low) / WORD];
}

size_t trace_walk(const struct trace_stack *stack, uintptr_t pc, uintptr_t fp,
		  uintptr_t *ret_addresses, size_t max)
{
	size_t n = 0;

	if (max > 0 && pc)
		ret_addresses[n++] = pc;
	while (n > 0 && n < max) {
		uintptr_t caller = trace_word(stack, fp + WORD) & ADDRESS_MASK;
		uintptr_t next = trace_word(stack, fp);

		if (!caller || fp < stack->low)
			break;
		ret_addresses[n++] = caller;
		if (next <= fp)
			break;
		fp = next;
	}
	return n;
}
