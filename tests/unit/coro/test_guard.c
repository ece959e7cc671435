#include "coro/guard.h"

#include <sys/mman.h>

#include "coro_crash.h"

static char *map(void)
{
	char *p = mmap(NULL, 2 * GUARD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	cr_assert(p != MAP_FAILED);
	return p;
}

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

static int touch_in_child(char *p)
{
	char text[256];

	return crash_in_child(touch, p, text, sizeof(text));
}

static void check_guard(char *p)
{
	cr_assert_eq(touch_in_child(p), SIGSEGV);
	cr_assert_eq(touch_in_child(p + GUARD_SIZE - 1), SIGSEGV);
	cr_assert_eq(touch_in_child(p + GUARD_SIZE), 0);
}

Test(guard, best_there_is_cannot_be_touched)
{
	struct guard_budget budget;
	char *p = map();

	guard_probe(&budget, GUARD_INSTALL);
	cr_assert_neq(guard_make(&budget, p), GUARD_CANARY);
	check_guard(p);
}

Test(guard, by_protection_cannot_be_touched)
{
	struct guard_budget budget;
	char *p = map();

	guard_probe(&budget, GUARD_PROTECT);
	cr_assert_eq(guard_make(&budget, p), GUARD_PROTECT);
	check_guard(p);
	guard_forget(&budget, GUARD_PROTECT);
	cr_assert_eq(budget.n_protected, 0);
}

Test(guard, by_protection_is_given_to_so_many_only)
{
	struct guard_budget budget;
	char *p = map(), *q = map();

	guard_probe(&budget, GUARD_PROTECT);
	cr_assert_gt(budget.max_protected, 100);
	budget.max_protected = 1;
	cr_assert_eq(guard_make(&budget, p), GUARD_PROTECT);
	cr_assert_eq(guard_make(&budget, q), GUARD_CANARY);
	cr_assert_eq(touch_in_child(q), 0);
}

Test(guard, canary_dies_when_it_is_written_over)
{
	char *p = map();

	guard_arm_canary(p);
	cr_assert_not(guard_is_canary_dead(p));
	p[3] ^= 1;
	cr_assert(guard_is_canary_dead(p));
}
