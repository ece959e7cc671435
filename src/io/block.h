#ifndef WEIR_IO_BLOCK_H
#define WEIR_IO_BLOCK_H
/*
 * block.h - the buffers bytes arrive in and leave from. They come from a pool
 * of the worker's, are borrowed when there are bytes and given back when there
 * are none: ten thousand idle connections hold no buffer at all.
 */
#include <assert.h>
#include <stddef.h>

#include "base/list.h"

/* What a pooled block costs, header and all. */
#define BLOCK_SIZE ((size_t)16 * 1024)

struct block {
	struct list link; /* for whoever holds it, in a queue */
	struct block *next_unused;
	size_t cap;   /* bytes at data */
	size_t start; /* first byte not consumed yet */
	size_t end;   /* behind the last byte */
	char data[];
};

struct block_pool {
	struct block *unused; /* owned; the one given back last is first: it is warm in the cache */
	size_t n_unused;
	size_t n_taken;	   /* blocks out there, of any size */
	size_t max_unused; /* more than that go back to malloc */
	size_t n_excess;   /* bytes by which those out there are larger than usual */

	/*
	 * Beyond budget bytes over() is called, by whoever takes a block: it may only take note. Beyond
	 * twice as many there is no memory. 0: no budget. Looked at only where a block is made,
	 * so whoever gives blocks back because of it trims the pool as well.
	 */
	size_t budget;
	void (*over)(struct block_pool *pool);
};

void block_pool_init(struct block_pool *pool, size_t max_unused);
/* Keeps no more blocks for reuse than the budget has room for. */
void block_pool_trim(struct block_pool *pool);
/* All blocks must have been given back. */
void block_pool_done(struct block_pool *pool);

/* An empty one with room for at least min_cap bytes; larger than usual ones are not pooled. NULL: no memory. */
static inline struct block *block_take(struct block_pool *pool, size_t min_cap);
/* NULL is fine; returns NULL. */
static inline struct block *block_give(struct block_pool *pool, struct block *block);

static inline size_t block_len(const struct block *b)
{
	return b->end - b->start;
}

static inline size_t block_room(const struct block *b)
{
	return b->cap - b->end;
}

#define BLOCK_USUAL_CAP (BLOCK_SIZE - sizeof(struct block))

/* Bytes of all blocks that are out there. */
static inline size_t block_pool_bytes(const struct block_pool *pool)
{
	return pool->n_taken * BLOCK_SIZE + pool->n_excess;
}

/* When the pool has none that would do, and when it needs no more. */
struct block *block_new(struct block_pool *pool, size_t min_cap);
void block_free(struct block_pool *pool, struct block *b);

static inline struct block *block_take(struct block_pool *pool, size_t min_cap)
{
	struct block *b = pool->unused;

	if (b && min_cap <= BLOCK_USUAL_CAP) {
		pool->unused = b->next_unused;
		pool->n_unused--;
	} else {
		b = block_new(pool, min_cap);
		if (!b)
			return NULL;
	}
	b->start = 0;
	b->end = 0;
	pool->n_taken++;
	return b;
}

static inline struct block *block_give(struct block_pool *pool, struct block *b)
{
	if (!b)
		return NULL;
	assert(pool->n_taken > 0);
	assert(list_is_empty(&b->link));
	pool->n_taken--;
	if (b->cap != BLOCK_USUAL_CAP || pool->n_unused >= pool->max_unused) {
		block_free(pool, b);
		return NULL;
	}
	b->next_unused = pool->unused;
	pool->unused = b;
	pool->n_unused++;
	return NULL;
}

#endif
