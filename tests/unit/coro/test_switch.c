#include "coro/switch.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#define STACK ((size_t)64 * 1024)

struct visit {
	struct context main, other;
	char *stack;
	int n;
	bool is_aligned;
	double fraction;
};

static void visit_init(struct visit *v, void (*entry)(void *))
{
	*v = (struct visit){ .n = 0 };
	v->stack = aligned_alloc(64, STACK);
	cr_assert_not_null(v->stack);
	switch_init_own(&v->main);
	switch_init(&v->other, v->stack, v->stack + STACK, entry, v);
}

static void visit_done(struct visit *v)
{
	switch_done(&v->other);
	free(v->stack);
}

static void look_around(void *arg)
{
	struct visit *v = arg;
	const char *here = __builtin_frame_address(0);

	switch_entered(&v->main);
	v->n = here > v->stack && here < v->stack + STACK;
	v->is_aligned = ((uintptr_t)here & 15) == 0;
	switch_to(&v->other, &v->main);
}

Test(switch, begins_on_the_new_stack_with_its_argument)
{
	struct visit v;

	visit_init(&v, look_around);
	switch_to(&v.main, &v.other);
	cr_assert_eq(v.n, 1);
	cr_assert(v.is_aligned);
	visit_done(&v);
}

static void count_up(void *arg)
{
	struct visit *v = arg;
	/* More values than there are registers that a call preserves. */
	int a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

	switch_entered(&v->main);
	for (int i = 0; i < 1000; i++) {
		v->n += a + b + c + d + e + f + g + h;
		a++, b--, c++, d--, e++, f--, g++, h--;
		v->fraction += 0.5;
		switch_to(&v->other, &v->main);
	}
	switch_to(&v->other, &v->main);
}

Test(switch, keeps_what_both_sides_hold)
{
	struct visit v;
	int a = 10, b = 20, c = 30, d = 40, e = 50, f = 60, g = 70;
	double fraction = 0.25;

	visit_init(&v, count_up);
	for (int i = 0; i < 1000; i++) {
		switch_to(&v.main, &v.other);
		a++, b++, c++, d++, e++, f++, g++;
		fraction += 0.25;
	}
	switch_to(&v.main, &v.other);
	cr_assert_eq(v.n, 36 * 1000);
	cr_assert_eq(a + b + c + d + e + f + g, 280 + 7 * 1000);
	cr_assert_float_eq(v.fraction, 500., 1e-9);
	cr_assert_float_eq(fraction, 250.25, 1e-9);
	visit_done(&v);
}
