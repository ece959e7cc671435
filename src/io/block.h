#ifndef WEIR_IO_BLOCK_H
#define WEIR_IO_BLOCK_H
/*
 * block.h - the buffers bytes arrive in and leave from. They come from a pool
 * of the worker's, are borrowed when there are bytes and given back when there
 * are none: ten thousand idle connections hold no buffer at all.
 */
#include <stddef.h>

#include "base/list.h"

/* What a pooled block costs, header and all. */
#define BLOCK_SIZE ((size_t)16 * 1024)

struct block {
	struct list link; /* for whoever holds it: the pool, a queue */
	size_t cap;	  /* bytes at data */
	size_t start;	  /* first byte not consumed yet */
	size_t end;	  /* behind the last byte */
	char data[];
};

struct block_pool {
	struct list unused;
	size_t n_unused;
	size_t n_taken;	   /* blocks out there, of any size */
	size_t max_unused; /* more than that go back to malloc */
};

void block_pool_init(struct block_pool *pool, size_t max_unused);
/* All blocks must have been given back. */
void block_pool_done(struct block_pool *pool);

/* An empty one with room for at least min_cap bytes; larger than usual ones are not pooled. NULL: no memory. */
struct block *block_take(struct block_pool *pool, size_t min_cap);
/* NULL is fine; returns NULL. */
struct block *block_give(struct block_pool *pool, struct block *block);

static inline size_t block_len(const struct block *b)
{
	return b->end - b->start;
}

static inline size_t block_room(const struct block *b)
{
	return b->cap - b->end;
}

#endif
