/* test_block.c - buffers that are borrowed and given back. */
#include "io/block.h"

#include <criterion/criterion.h>

#include "oom.h"

Test(block, is_empty_when_it_is_taken)
{
	struct block_pool pool;
	struct block *b;

	block_pool_init(&pool, 2);
	b = block_take(&pool, 0);
	cr_assert_eq(block_len(b), 0);
	cr_assert_eq(block_room(b), b->cap);
	cr_assert_eq(b->cap, BLOCK_SIZE - sizeof(struct block));
	b->data[b->cap - 1] = 'x';
	b->end = 10;
	b->start = 3;
	cr_assert_eq(block_len(b), 7);
	cr_assert_eq(block_room(b), b->cap - 10);
	cr_assert_null(block_give(&pool, b));
	b = block_take(&pool, 0);
	cr_assert_eq(block_len(b), 0);
	cr_assert_eq(block_room(b), b->cap);
	(void)block_give(&pool, b);
	block_pool_done(&pool);
}

Test(block, is_the_one_given_back_last)
{
	struct block_pool pool;
	struct block *a, *b;

	block_pool_init(&pool, 2);
	a = block_take(&pool, 0);
	b = block_take(&pool, 0);
	cr_assert_eq(pool.n_taken, 2);
	(void)block_give(&pool, a);
	(void)block_give(&pool, b);
	cr_assert_eq(pool.n_taken, 0);
	cr_assert_eq(pool.n_unused, 2);
	cr_assert_eq(block_take(&pool, 0), b);
	cr_assert_eq(block_take(&pool, 0), a);
	(void)block_give(&pool, a);
	(void)block_give(&pool, b);
	block_pool_done(&pool);
}

Test(block, is_freed_when_the_pool_has_enough)
{
	struct block_pool pool;
	struct block *blocks[4];

	block_pool_init(&pool, 2);
	for (int i = 0; i < 4; i++)
		blocks[i] = block_take(&pool, 0);
	for (int i = 0; i < 4; i++)
		(void)block_give(&pool, blocks[i]);
	cr_assert_eq(pool.n_unused, 2);
	cr_assert_eq(pool.n_taken, 0);
	block_pool_done(&pool);
}

Test(block, may_be_larger_than_usual_and_is_not_kept_then)
{
	struct block_pool pool;
	struct block *b;

	block_pool_init(&pool, 2);
	b = block_take(&pool, BLOCK_SIZE);
	cr_assert_geq(b->cap, BLOCK_SIZE);
	b->data[b->cap - 1] = 'x';
	(void)block_give(&pool, b);
	cr_assert_eq(pool.n_unused, 0);
	cr_assert_eq(pool.n_taken, 0);
	block_pool_done(&pool);
}

Test(block, does_not_use_a_small_one_for_a_large_need)
{
	struct block_pool pool;
	struct block *b;

	block_pool_init(&pool, 2);
	(void)block_give(&pool, block_take(&pool, 0));
	b = block_take(&pool, 50000);
	cr_assert_geq(b->cap, 50000);
	cr_assert_eq(pool.n_unused, 1);
	(void)block_give(&pool, b);
	block_pool_done(&pool);
}

Test(block, is_null_without_memory)
{
	struct block_pool pool;

	block_pool_init(&pool, 2);
	oom_fail_at(1);
	cr_assert_null(block_take(&pool, 0));
	cr_assert(oom_has_failed());
	cr_assert_eq(pool.n_taken, 0);
	cr_assert_null(block_give(&pool, NULL));
	block_pool_done(&pool);
}

static unsigned n_over;

static void on_over(struct block_pool *pool)
{
	n_over++;
}

Test(block, beyond_the_budget_it_is_told_and_beyond_twice_of_it_there_is_none)
{
	struct block *blocks[9] = { NULL };
	struct block_pool pool;

	block_pool_init(&pool, 0);
	pool.budget = 4 * BLOCK_SIZE;
	pool.over = on_over;
	for (unsigned i = 0; i < 9; i++) {
		blocks[i] = block_take(&pool, 0);
		cr_assert_eq(n_over, i < 4 ? 0 : i - 3);
		cr_assert_eq(blocks[i] != NULL, i < 8);
	}
	for (unsigned i = 0; i < 9; i++)
		(void)block_give(&pool, blocks[i]);
	cr_assert_eq(block_pool_bytes(&pool), 0);
	block_pool_done(&pool);
}

Test(block, a_trimmed_pool_makes_no_more_than_the_budget_has_room_for)
{
	struct block *blocks[6];
	struct block_pool pool;

	block_pool_init(&pool, 8);
	pool.budget = 4 * BLOCK_SIZE;
	for (unsigned i = 0; i < 6; i++)
		blocks[i] = block_take(&pool, 0);
	for (unsigned i = 0; i < 4; i++)
		(void)block_give(&pool, blocks[i]);
	block_pool_trim(&pool);
	cr_assert_eq(pool.n_taken, 2);
	cr_assert_eq(pool.n_unused, 2);
	(void)block_give(&pool, blocks[4]);
	(void)block_give(&pool, blocks[5]);
	block_pool_done(&pool);
	cr_assert_eq(pool.n_unused, 0);
}

Test(block, large_ones_count_as_what_they_are)
{
	struct block_pool pool;
	struct block *b;

	block_pool_init(&pool, 4);
	b = block_take(&pool, 100000);
	cr_assert_eq(block_pool_bytes(&pool), sizeof(*b) + 100000);
	(void)block_give(&pool, b);
	cr_assert_eq(block_pool_bytes(&pool), 0);
	block_pool_done(&pool);
}
