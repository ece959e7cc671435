#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H
/*
 * arena.h - memory that is given back all at once. A request's memory is an
 * arena; a scratch inside a long session is another that spends from the same
 * budget, so that no trick with scratches gets past a request's limit.
 *
 * Blocks come from malloc, except that an arena keeps its first block over a
 * reset: a pooled arena serves a usual request without any malloc.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

/* A block, and how large they usually are. */
#define ARENA_BLOCK ((size_t)4096)
struct arena_block {
	struct arena_block *next;
	size_t size; /* with this header */
	char bytes[];
};

/* What may be spent, shared by all arenas that point to it. */
struct budget {
	size_t used;	/* bytes of blocks now held */
	size_t limit;	/* never above this */
	bool is_short;	/* an allocation failed since this was last cleared */
	size_t fail_at; /* see arena_fail_at(); usually 0 */
};

struct arena {
	struct arena_block *blocks; /* owned, newest first */
	char *pos, *end;	    /* free bytes of the newest block */
	struct budget *budget;	    /* borrowed */
};

/* Allocates nothing. */
void arena_init(struct arena *a, struct budget *budget);
/* Frees all but one block of the usual size, if there is one. */
static inline void arena_reset(struct arena *a);
void arena_done(struct arena *a);

/* Aligned for any type. NULL, and budget->is_short set, when the budget or memory is spent. */
static inline void *arena_alloc(struct arena *a, size_t size);
/* The same, not aligned, for text. */
char *arena_bytes(struct arena *a, size_t size);
/* A copy; ptr NULL when there was no room. */
weir_str arena_copy(struct arena *a, weir_str s);

/*
 * For tests: the n-th allocation from now on fails, whichever arena of the
 * budget it is asked of. Until then each has a block of its own, so that what
 * is written beyond its end is seen by the tools that look for that.
 */
void arena_fail_at(struct arena *a, size_t n);

#define ARENA_ALIGN ((uintptr_t)16)

/* When there is something to free. */
void arena_reset_slowly(struct arena *a);

static inline void arena_reset(struct arena *a)
{
	struct arena_block *b = a->blocks;

	if (b && !b->next && b->size == ARENA_BLOCK)
		a->pos = b->bytes;
	else
		arena_reset_slowly(a);
}

/* When the newest block has no room for it. */
void *arena_alloc_slowly(struct arena *a, size_t size);

static inline void *arena_alloc(struct arena *a, size_t size)
{
	uintptr_t pos = ((uintptr_t)a->pos + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);

	if (!a->pos || pos > (uintptr_t)a->end || size > (uintptr_t)a->end - pos)
		return arena_alloc_slowly(a, size);
	a->pos = (char *)pos + size;
	return (void *)pos;
}

/*
 * For who knows only afterwards how much it took: the free bytes of the newest
 * block, aligned for any type, up to a->end; NULL: there are none.
 */
static inline void *arena_room(const struct arena *a)
{
	uintptr_t pos = ((uintptr_t)a->pos + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);

	return pos < (uintptr_t)a->end ? (void *)pos : NULL;
}

/* Then: those before end are in use. */
static inline void arena_take_until(struct arena *a, void *end)
{
	a->pos = end;
}

#endif
