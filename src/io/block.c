/* block.c - the ends of a block's life; what happens between them is in block.h. */
#include "io/block.h"

#include <stdlib.h>

void block_pool_init(struct block_pool *pool, size_t max_unused)
{
	*pool = (struct block_pool){ .max_unused = max_unused };
}

static void drop_unused(struct block_pool *pool)
{
	struct block *b = pool->unused;

	pool->unused = b->next_unused;
	pool->n_unused--;
	free(b);
}

void block_pool_trim(struct block_pool *pool)
{
	while (pool->unused && block_pool_bytes(pool) + pool->n_unused * BLOCK_SIZE > pool->budget)
		drop_unused(pool);
}

void block_pool_done(struct block_pool *pool)
{
	assert(pool->n_taken == 0);
	while (pool->unused)
		drop_unused(pool);
}

/* The usual way to a new block is an empty pool: no cheaper place for the check is on every path. */
static bool may_grow(struct block_pool *pool, size_t size)
{
	size_t bytes = block_pool_bytes(pool) + size;

	if (pool->budget == 0 || bytes <= pool->budget)
		return true;
	if (pool->over)
		pool->over(pool);
	return bytes / 2 <= pool->budget;
}

COLD struct block *block_new(struct block_pool *pool, size_t min_cap)
{
	size_t cap = min_cap <= BLOCK_USUAL_CAP ? BLOCK_USUAL_CAP : min_cap;
	struct block *b;

	if (!may_grow(pool, sizeof(*b) + cap))
		return NULL;
	b = malloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	pool->n_excess += cap - BLOCK_USUAL_CAP;
	list_init(&b->link);
	b->cap = cap;
	return b;
}

COLD void block_free(struct block_pool *pool, struct block *b)
{
	pool->n_excess -= b->cap - BLOCK_USUAL_CAP;
	free(b);
}
