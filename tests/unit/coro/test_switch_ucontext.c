#include "coro/switch_ucontext.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "coro/switch.h"

#define STACK ((size_t)64 * 1024)

struct visit {
	void *main, *other;
	char *stack;
	int n;
	bool is_aligned;
};

static void count_up(void *arg)
{
	struct visit *v = arg;
	const char *here = __builtin_frame_address(0);

	v->is_aligned = ((uintptr_t)here & 15) == 0 && here > v->stack && here < v->stack + STACK;
	for (int i = 1;; i++) {
		v->n += i;
		switch_ucontext(&v->other, v->main);
	}
}

/* The raw routine, whichever one this build uses for its tasks. */
Test(switch_ucontext, goes_to_and_fro)
{
	struct visit v = { .n = 0 };

#if defined(SWITCH_ASAN)
	return; /* it would report that it does not understand swapcontext() */
#endif

	v.stack = aligned_alloc(64, STACK);
	cr_assert_not_null(v.stack);
	v.other = switch_ucontext_frame(v.stack, v.stack + STACK, count_up, &v);
	for (int i = 0; i < 100; i++)
		switch_ucontext(&v.main, v.other);
	cr_assert_eq(v.n, 5050);
	cr_assert(v.is_aligned);
	free(v.stack);
}
