/* block.c - the ends of a block's life; what happens between them is in block.h. */
#include "io/block.h"

#include <stdlib.h>

void block_pool_init(struct block_pool *pool, size_t max_unused)
{
	*pool = (struct block_pool){ .max_unused = max_unused };
}

void block_pool_done(struct block_pool *pool)
{
	assert(pool->n_taken == 0);
	while (pool->unused) {
		struct block *b = pool->unused;

		pool->unused = b->next_unused;
		block_free(b);
	}
	pool->n_unused = 0;
}

COLD struct block *block_new(size_t min_cap)
{
	size_t cap = min_cap <= BLOCK_USUAL_CAP ? BLOCK_USUAL_CAP : min_cap;
	struct block *b = malloc(sizeof(*b) + cap);

	if (!b)
		return NULL;
	list_init(&b->link);
	b->cap = cap;
	return b;
}

COLD void block_free(struct block *b)
{
	free(b);
}
