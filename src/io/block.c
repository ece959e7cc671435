/* block.c - a free list; last given, first taken, so that it is warm in the cache. */
#include "io/block.h"

#include <assert.h>
#include <stdlib.h>

#define USUAL_CAP (BLOCK_SIZE - sizeof(struct block))

void block_pool_init(struct block_pool *pool, size_t max_unused)
{
	*pool = (struct block_pool){ .max_unused = max_unused };
	list_init(&pool->unused);
}

void block_pool_done(struct block_pool *pool)
{
	struct list *link;

	assert(pool->n_taken == 0);
	while ((link = list_pop(&pool->unused)))
		free(list_entry(link, struct block, link));
	pool->n_unused = 0;
}

static struct block *block_new(size_t cap)
{
	struct block *b = malloc(sizeof(*b) + cap);

	if (!b)
		return NULL;
	list_init(&b->link);
	b->cap = cap;
	return b;
}

struct block *block_take(struct block_pool *pool, size_t min_cap)
{
	struct block *b;

	if (min_cap <= USUAL_CAP && !list_is_empty(&pool->unused)) {
		b = list_entry(list_pop(&pool->unused), struct block, link);
		pool->n_unused--;
	} else {
		b = block_new(min_cap <= USUAL_CAP ? USUAL_CAP : min_cap);
		if (!b)
			return NULL;
	}
	b->start = 0;
	b->end = 0;
	pool->n_taken++;
	return b;
}

struct block *block_give(struct block_pool *pool, struct block *b)
{
	if (!b)
		return NULL;
	assert(pool->n_taken > 0);
	assert(list_is_empty(&b->link));
	pool->n_taken--;
	if (b->cap != USUAL_CAP || pool->n_unused >= pool->max_unused) {
		free(b);
		return NULL;
	}
	list_add_head(&pool->unused, &b->link);
	pool->n_unused++;
	return NULL;
}
