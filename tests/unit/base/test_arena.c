/* test_arena.c - see base/arena.h. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "oom.h"

enum { BLOCK = 4096 };

Test(arena, allocates_nothing_at_first)
{
	struct budget budget = { .limit = 0 };
	struct arena a;

	arena_init(&a, &budget);
	arena_reset(&a);
	arena_done(&a);
	cr_assert_eq(budget.used, 0);
	cr_assert_not(budget.is_short);
}

Test(arena, aligns_for_any_type)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;

	arena_init(&a, &budget);
	for (size_t size = 0; size < 70; size++) {
		cr_assert_eq((uintptr_t)arena_alloc(&a, size) % 16, 0, "size %zu", size);
		(void)arena_bytes(&a, 1);
	}
	cr_assert_eq((uintptr_t)arena_alloc(&a, 5000) % 16, 0);
	arena_done(&a);
	cr_assert_eq(budget.used, 0);
}

Test(arena, gives_memory_that_does_not_overlap)
{
	struct budget budget = { .limit = SIZE_MAX };
	unsigned char *parts[300];
	struct arena a;

	arena_init(&a, &budget);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		parts[i] = i % 2 ? arena_alloc(&a, i * 7) : (unsigned char *)arena_bytes(&a, i * 7);
		cr_assert_not_null(parts[i]);
		memset(parts[i], (int)(i & 0xff), i * 7);
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		for (size_t j = 0; j < i * 7; j++)
			cr_assert_eq(parts[i][j], i & 0xff, "part %zu, byte %zu", i, j);
	}
	arena_done(&a);
}

Test(arena, lends_its_room_before_it_is_taken)
{
	struct budget budget = { .limit = 1 << 20 };
	struct arena a;
	char *room;

	arena_init(&a, &budget);
	cr_expect_null(arena_room(&a), "nothing is allocated for it");
	cr_assert_not_null(arena_bytes(&a, 3));
	room = arena_room(&a);
	cr_assert_not_null(room);
	cr_expect_eq((uintptr_t)room % ARENA_ALIGN, 0);
	cr_expect_eq(arena_room(&a), room, "asking takes nothing");
	arena_take_until(&a, room + 5);
	cr_expect_eq(arena_bytes(&a, 1), room + 5);
	arena_take_until(&a, a.end);
	cr_expect_null(arena_room(&a));
	arena_done(&a);
}

Test(arena, packs_text_without_gaps)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;
	char *p;

	arena_init(&a, &budget);
	p = arena_bytes(&a, 3);
	cr_assert_eq(arena_bytes(&a, 5), p + 3);
	arena_done(&a);
}

Test(arena, keeps_the_room_left_behind_a_large_block)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;
	char *p;

	arena_init(&a, &budget);
	p = arena_bytes(&a, 8);
	cr_assert_not_null(arena_bytes(&a, 100000));
	cr_assert_eq(arena_bytes(&a, 8), p + 8);
	arena_done(&a);
	cr_assert_eq(budget.used, 0);
}

Test(arena, takes_a_large_block_first)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;

	arena_init(&a, &budget);
	cr_assert_not_null(arena_alloc(&a, 100000));
	cr_assert_not_null(arena_alloc(&a, 8));
	cr_assert_not_null(arena_bytes(&a, 8));
	arena_done(&a);
	cr_assert_eq(budget.used, 0);
}

Test(arena, keeps_one_block_over_a_reset)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;
	char *p;

	arena_init(&a, &budget);
	p = arena_alloc(&a, 16);
	for (int i = 0; i < 20; i++)
		(void)arena_alloc(&a, 1000);
	(void)arena_alloc(&a, 50000);
	arena_reset(&a);
	cr_assert_eq(budget.used, BLOCK);
	p = arena_alloc(&a, 16);
	arena_reset(&a);
	cr_assert_eq(arena_alloc(&a, 16), p, "the same bytes again");
	arena_done(&a);
}

Test(arena, frees_a_lone_large_block_at_a_reset)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;

	arena_init(&a, &budget);
	(void)arena_alloc(&a, 50000);
	arena_reset(&a);
	cr_assert_eq(budget.used, 0);
	cr_assert_not_null(arena_alloc(&a, 1));
	arena_done(&a);
}

Test(arena, uses_no_malloc_for_a_second_round)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;

	arena_init(&a, &budget);
	(void)arena_alloc(&a, 500);
	arena_reset(&a);
	oom_fail_at(1);
	cr_assert_not_null(arena_alloc(&a, 500));
	cr_assert_not_null(arena_bytes(&a, 500));
	cr_assert_not(oom_has_failed());
	arena_done(&a);
}

Test(arena, stays_within_its_budget)
{
	struct budget budget = { .limit = 2 * BLOCK };
	struct arena a;

	arena_init(&a, &budget);
	cr_assert_not_null(arena_alloc(&a, 1000));
	cr_assert_null(arena_alloc(&a, BLOCK), "a block of its own would have to be larger");
	cr_assert(budget.is_short);
	budget.is_short = false;
	cr_assert_not_null(arena_alloc(&a, 1000), "what fits still works");
	cr_assert_not(budget.is_short);
	cr_assert_leq(budget.used, budget.limit);
	arena_done(&a);
}

Test(arena, may_spend_the_budget_to_the_last_byte)
{
	struct budget budget = { .limit = BLOCK };
	struct arena a;

	arena_init(&a, &budget);
	cr_assert_not_null(arena_alloc(&a, 8));
	cr_assert_eq(budget.used, budget.limit);
	cr_assert_not(budget.is_short);
	arena_done(&a);
}

Test(arena, shares_a_budget_with_others)
{
	struct budget budget = { .limit = BLOCK };
	struct arena request, scratch;

	arena_init(&request, &budget);
	arena_init(&scratch, &budget);
	cr_assert_not_null(arena_alloc(&request, 8));
	cr_assert_null(arena_alloc(&scratch, 8));
	arena_done(&request);
	cr_assert_not_null(arena_alloc(&scratch, 8));
	arena_done(&scratch);
	cr_assert_eq(budget.used, 0);
}

Test(arena, refuses_sizes_that_overflow)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;

	arena_init(&a, &budget);
	cr_assert_null(arena_alloc(&a, SIZE_MAX));
	cr_assert_null(arena_bytes(&a, SIZE_MAX - 8));
	(void)arena_alloc(&a, 8);
	cr_assert_null(arena_alloc(&a, SIZE_MAX));
	cr_assert_null(arena_bytes(&a, SIZE_MAX - 8));
	cr_assert(budget.is_short);
	arena_done(&a);
}

Test(arena, says_so_when_malloc_fails)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;

	arena_init(&a, &budget);
	oom_fail_at(1);
	cr_assert_null(arena_alloc(&a, 8));
	cr_assert(oom_has_failed());
	cr_assert(budget.is_short);
	cr_assert_eq(budget.used, 0);
	arena_done(&a);
}

Test(arena, copies_text)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;
	char from[] = "brook";
	weir_str copy;

	arena_init(&a, &budget);
	copy = arena_copy(&a, weir_strz(from));
	from[0] = 'c';
	cr_assert(weir_str_eq(copy, WEIR_STR("brook")));
	arena_done(&a);
}

Test(arena, copies_nothing_as_empty_not_as_absent)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;
	weir_str copy;

	arena_init(&a, &budget);
	copy = arena_copy(&a, (weir_str){ NULL, 0 });
	cr_assert_not_null(copy.ptr);
	cr_assert_eq(copy.len, 0);
	arena_done(&a);
}

Test(arena, copies_as_absent_without_room)
{
	struct budget budget = { .limit = 100 };
	struct arena a;

	arena_init(&a, &budget);
	cr_assert_null(arena_copy(&a, WEIR_STR("brook")).ptr);
	cr_assert(budget.is_short);
	arena_done(&a);
}

Test(arena, fails_the_nth_allocation_and_no_other)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a, b;

	arena_init(&a, &budget);
	arena_init(&b, &budget);
	(void)arena_bytes(&a, 1);
	arena_fail_at(&a, 4);
	cr_assert_not_null(arena_bytes(&a, 1));
	cr_assert_not_null(arena_alloc(&b, 10));
	cr_assert_not_null(arena_alloc(&a, 5000));
	cr_assert_not(budget.is_short);
	cr_assert_null(arena_alloc(&b, 10), "whichever arena of the budget");
	cr_assert(budget.is_short);
	cr_assert_not_null(arena_alloc(&b, 10));
	arena_done(&a);
	arena_done(&b);
	cr_assert_eq(budget.used, 0);
}

Test(arena, gives_each_a_block_of_its_own_until_one_fails)
{
	struct budget budget = { .limit = SIZE_MAX };
	struct arena a;
	size_t used;

	arena_init(&a, &budget);
	(void)arena_bytes(&a, 1);
	used = budget.used;
	arena_fail_at(&a, 10);
	(void)arena_bytes(&a, 1);
	cr_assert_gt(budget.used, used);
	cr_assert_lt(budget.used, used + 100);
	arena_done(&a);
}
