/*
 * switch_ucontext.c - switching by swapcontext(). The "stack pointer" is the
 * address of the ucontext_t, which lies on the stack that was left, so that a
 * context stays one word whatever saves it.
 */
#include "coro/switch_ucontext.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "coro/switch.h"

/* Lies at the top of a new stack. */
struct first_frame {
	ucontext_t context;
	void (*entry)(void *);
	void *arg;
};

/* makecontext() passes ints only: a pointer comes in two halves. */
static void begin(unsigned high, unsigned low)
{
	struct first_frame *f = (void *)(uintptr_t)((uint64_t)high << 32 | low);

	f->entry(f->arg);
	abort();
}

void *switch_ucontext_frame(char *low, char *top, void (*entry)(void *), void *arg)
{
	struct first_frame *f = (void *)(top - ((sizeof(*f) + 63) & ~(size_t)63));
	uint64_t bits = (uintptr_t)f;

	(void)getcontext(&f->context);
	f->entry = entry;
	f->arg = arg;
	f->context.uc_link = NULL;
	f->context.uc_stack.ss_sp = low;
	f->context.uc_stack.ss_size = (size_t)((char *)f - low);
	makecontext(&f->context, (void (*)(void))(void *)begin, 2, (unsigned)(bits >> 32),
		    (unsigned)bits);
	return &f->context;
}

void switch_ucontext(void **ret_sp, void *sp)
{
	ucontext_t here;

	*ret_sp = &here;
	(void)swapcontext(&here, sp);
}
