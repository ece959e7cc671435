/*
 * switch.c - the first frame of a new stack: what switch_asm() expects to pop,
 * so that its return is the call of entry(arg). The layouts must match those
 * in the .S files.
 */
#include "coro/switch.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "coro/switch_ucontext.h"

/* In the .S files: calls the entry found in the saved registers. */
void switch_asm_begin(void);

#if !defined(WEIR_SWITCH_UCONTEXT)
#if defined(__x86_64__)
enum { FRAME_ENTRY = 2, FRAME_ARG = 3, FRAME_FP = 5, FRAME_PC = 6, FRAME_WORDS = 9 };
#elif defined(__aarch64__)
enum { FRAME_ENTRY = 0, FRAME_ARG = 1, FRAME_FP = 10, FRAME_PC = 11, FRAME_WORDS = 20 };
#endif

static void *asm_frame(char *top, void (*entry)(void *), void *arg)
{
	uintptr_t *frame = (uintptr_t *)(void *)top - FRAME_WORDS;

	/* The other registers hold what they will: nobody reads them. */
	frame[FRAME_ENTRY] = (uintptr_t)entry;
	frame[FRAME_ARG] = (uintptr_t)arg;
	frame[FRAME_FP] = 0; /* ends a walk along the frame pointers */
	frame[FRAME_PC] = (uintptr_t)switch_asm_begin;
	return frame;
}
#endif

void switch_init_own(struct context *c)
{
	*c = (struct context){ NULL };
#if defined(SWITCH_TSAN)
	c->fiber = __tsan_get_current_fiber();
#endif
}

void switch_init(struct context *c, char *low, char *top, void (*entry)(void *), void *arg)
{
	assert(((uintptr_t)top & 15) == 0);
#if defined(SWITCH_ASAN)
	c->fake_stack = NULL;
	c->low = low;
	c->size = (size_t)(top - low);
#elif defined(SWITCH_TSAN)
	c->fiber = __tsan_create_fiber(0);
#endif
#if defined(WEIR_SWITCH_UCONTEXT)
	c->sp = switch_ucontext_frame(low, top, entry, arg);
#else
	c->sp = asm_frame(top, entry, arg);
#endif
}

void switch_done(struct context *c)
{
#if defined(SWITCH_TSAN)
	__tsan_destroy_fiber(c->fiber);
#endif
}
