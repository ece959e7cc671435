#include "coro/stack.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "coro/switch.h"
#include "on_valgrind.h"

#define SIZE ((size_t)128 * 1024)
#define MANY 1000

static struct stack_pool pool;
static struct stack *stacks[MANY];

static void setup(void)
{
	stack_pool_init(&pool, SIZE, GUARD_INSTALL, NULL);
}

static void teardown(void)
{
	stack_pool_done(&pool);
}

TestSuite(stack, .init = setup, .fini = teardown);

static size_t resident_pages(const struct stack *s)
{
	unsigned char pages[SIZE / 4096];
	size_t n = 0;

	cr_assert_eq(mincore(s->low, SIZE, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		n += pages[i] & 1;
	return n;
}

static void take_many(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		stacks[i] = stack_take(&pool);
		cr_assert_not_null(stacks[i]);
		stacks[i]->top[-1] = 1;
	}
}

static void give_many(size_t n)
{
	for (size_t i = 0; i < n; i++)
		stack_give(&pool, stacks[i]);
}

Test(stack, has_the_size_that_was_asked_for)
{
	struct stack *s = stack_take(&pool);

	cr_assert_eq(s->top - s->low, SIZE);
	memset(s->low, 1, SIZE);
	stack_give(&pool, s);
}

Test(stack, given_last_is_taken_first)
{
	take_many(3);
	give_many(3);
	cr_assert_eq(stack_take(&pool), stacks[2]);
	stack_give(&pool, stacks[2]);
}

Test(stack, does_not_share_a_byte_with_another)
{
	take_many(MANY);
	for (size_t i = 1; i < MANY; i++)
		cr_assert(stacks[i]->low >= stacks[i - 1]->top + GUARD_SIZE ||
			  stacks[i]->top + GUARD_SIZE <= stacks[i - 1]->low);
	give_many(MANY);
}

Test(stack, promised_is_not_given_to_somebody_else)
{
	take_many(60);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(stack_reserve(&pool), 0);
	cr_assert_eq(pool.n_slabs, 1);
	stacks[60] = stack_take(&pool);
	cr_assert_eq(pool.n_slabs, 2);
	for (size_t i = 61; i < 64; i++)
		stacks[i] = stack_take_reserved(&pool);
	stack_unreserve(&pool);
	cr_assert_eq(pool.n_reserved, 0);
	give_many(64);
}

Test(stack, knows_its_guard)
{
	struct stack *s = stack_take(&pool);

	cr_assert(stack_guards(s, s->low - 1));
	cr_assert(stack_guards(s, s->low - GUARD_SIZE));
	cr_assert_not(stack_guards(s, s->low));
	cr_assert_not(stack_guards(s, s->low - GUARD_SIZE - 1));
	stack_give(&pool, s);
}

static void trim_all(void)
{
	while (stack_trim(&pool))
		;
}

Test(stack, nobody_needed_for_a_while_loses_its_pages_and_its_slab)
{
	take_many(MANY);
	cr_assert_gt(pool.n_slabs, 15);
	give_many(MANY);
	trim_all();
	cr_assert_gt(pool.n_slabs, 15, "they were needed since the last call");
	trim_all();
	cr_assert_leq(pool.n_slabs, 3);
	cr_assert_leq(pool.n_hot, 64);
}

Test(stack, that_was_trimmed_can_be_used_again)
{
	take_many(MANY);
	give_many(MANY);
	trim_all();
	trim_all();
	take_many(MANY);
	give_many(MANY);
}

Test(stack, pool_in_use_is_not_trimmed)
{
	take_many(MANY);
	trim_all();
	trim_all();
	for (size_t i = 0; i < MANY; i++)
		cr_assert_eq(stacks[i]->top[-1], 1);
	give_many(MANY);
}

Test(stack, gives_back_the_pages_below_sp_and_no_others)
{
	struct stack *s = stack_take(&pool);
	char *sp = s->top - 5000;

	s->context.sp = sp;
	memset(s->low, 7, SIZE);
	cr_assert_eq(resident_pages(s), SIZE / 4096);
	stack_release_below(s);
	cr_assert_eq(resident_pages(s), 2);
	cr_assert_eq(sp[-128], 7, "the red zone stays");
	cr_assert_eq(s->top[-1], 7);
	cr_assert_eq(s->low[0], 0);
	stack_give(&pool, s);
}

TestSuite(stack_modes);

static void use_mode(enum guard guard)
{
	stack_pool_init(&pool, SIZE, guard, NULL);
	take_many(100);
	cr_assert_eq(stacks[99]->guard, guard);
	stacks[99]->context.sp = stacks[99]->top;
	stack_release_below(stacks[99]);
	cr_assert(guard != GUARD_CANARY || !guard_is_canary_dead(stacks[99]->low));
	give_many(100);
	trim_all();
	trim_all();
	take_many(100);
	give_many(100);
	stack_pool_done(&pool);
	cr_assert_eq(pool.guards.n_protected, 0);
}

Test(stack_modes, guards_by_protection_work)
{
	use_mode(GUARD_PROTECT);
}

Test(stack_modes, canaries_work)
{
	use_mode(GUARD_CANARY);
}

Test(stack_modes, doing_without_guard_pages_is_said_once)
{
	struct log log;
	char text[1024] = "";

	log_init(&log, memfd_create("log", MFD_CLOEXEC), LOG_AT_DEBUG);
	stack_pool_init(&pool, SIZE, GUARD_PROTECT, &log);
	pool.guards.max_protected = 10;
	take_many(100);
	give_many(100);
	stack_pool_done(&pool);
	cr_assert_gt(pread(log.fd, text, sizeof(text) - 1, 0), 0);
	cr_assert_not_null(strstr(text, "task stacks beyond the first 10 have no guard page"));
	cr_assert_eq(strchr(text, '\n'), strrchr(text, '\n'));
	(void)close(log.fd);
}

#if !defined(SWITCH_ASAN) && !defined(SWITCH_TSAN)
Test(stack_modes, no_address_space_is_no_memory)
{
	struct rlimit limit = { (size_t)1 << 28, (size_t)1 << 28 };
	size_t n = 0;

	if (RUNNING_ON_VALGRIND)
		cr_skip("the limit would be valgrind's, which ends at it");
	stack_pool_init(&pool, SIZE, GUARD_INSTALL, NULL);
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	while (n < MANY * 10 && stack_reserve(&pool) == 0)
		n++;
	cr_assert_lt(n, MANY * 10);
	cr_assert_eq(stack_reserve(&pool), -ENOMEM);
	while (n-- > 0)
		stack_unreserve(&pool);
	stack_pool_done(&pool);
}
#endif

#if defined(SWITCH_ASAN)
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

/* Noise of a leak that is meant goes nowhere. */
static int leaks_in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		__sanitizer_set_report_path("/dev/null");
		fn();
		_exit(__lsan_do_recoverable_leak_check() ? 1 : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Only the stack knows the block, at a place that this thread's own stack and registers forget. */
static __attribute__((noinline)) void put_block(struct stack *s)
{
	void **place = (void **)(void *)(s->top - 1024);

	*place = malloc(100);
}

static __attribute__((noinline)) void forget_registers(void)
{
	char noise[4096];

	memset(noise, 0, sizeof(noise));
	__asm__ volatile("" : : "r"(noise) : "memory");
}

static void hold_on_a_used_stack(void)
{
	put_block(stack_take(&pool));
	forget_registers();
}

static void hold_on_a_free_stack(void)
{
	struct stack *s = stack_take(&pool);

	put_block(s);
	stack_give(&pool, s);
	forget_registers();
}

Test(stack, in_use_keeps_what_it_points_to_from_being_a_leak)
{
	cr_assert_eq(leaks_in_child(hold_on_a_used_stack), 0);
}

Test(stack, that_is_free_does_not_hide_a_leak)
{
	cr_assert_eq(leaks_in_child(hold_on_a_free_stack), 1);
}
#endif
