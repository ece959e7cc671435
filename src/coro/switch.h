#ifndef WEIR_CORO_SWITCH_H
#define WEIR_CORO_SWITCH_H
/*
 * switch.h - leaving one stack and going on upon another. A context is a stack
 * that was left: one word, because everything else was pushed on the stack
 * itself. Only what a function call preserves is saved: no signal mask, no
 * floating-point modes, which are the process's and which nobody here changes.
 *
 * AddressSanitizer and ThreadSanitizer believe that a thread has one stack
 * unless they are told; the calls for that compile to nothing without them.
 */
#include <stddef.h>

#if !defined(WEIR_SWITCH_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define WEIR_SWITCH_UCONTEXT
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SWITCH_ASAN
#elif defined(__SANITIZE_THREAD__)
#define SWITCH_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SWITCH_ASAN
#elif __has_feature(thread_sanitizer)
#define SWITCH_TSAN
#endif
#endif

#if defined(SWITCH_ASAN)
#include <sanitizer/common_interface_defs.h>
#elif defined(SWITCH_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

struct context {
	void *sp; /* where the stack was left */
#if defined(SWITCH_ASAN)
	void *fake_stack;
	const void *low;
	size_t size;
#elif defined(SWITCH_TSAN)
	void *fiber;
#endif
};

/* The context of the stack this is called on. */
void switch_init_own(struct context *c);
/* One that calls entry(arg) on a new stack when first switched to; entry must not return. */
void switch_init(struct context *c, char *low, char *top, void (*entry)(void *), void *arg);
/* When a context that switch_init() made will not be switched to again. */
void switch_done(struct context *c);

/* Saves the stack pointer in *ret_sp and goes on upon sp. The assembly routine, or ucontext. */
void switch_asm(void **ret_sp, void *sp);
void switch_ucontext(void **ret_sp, void *sp);

static inline void switch_raw(void **ret_sp, void *sp)
{
#if defined(WEIR_SWITCH_UCONTEXT)
	switch_ucontext(ret_sp, sp);
#else
	switch_asm(ret_sp, sp);
#endif
}

/* Leaves the stack of from, which can be switched to later, for that of to. */
static inline void switch_to(struct context *from, struct context *to)
{
#if defined(SWITCH_ASAN)
	__sanitizer_start_switch_fiber(&from->fake_stack, to->low, to->size);
#elif defined(SWITCH_TSAN)
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	switch_raw(&from->sp, to->sp);
#if defined(SWITCH_ASAN)
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

/* The first thing on a new stack; from is who switched to it. */
static inline void switch_entered(struct context *from)
{
#if defined(SWITCH_ASAN)
	__sanitizer_finish_switch_fiber(NULL, &from->low, &from->size);
#endif
}

#endif
