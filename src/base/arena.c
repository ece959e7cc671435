/*
 * arena.c - a chain of blocks, filled from the front. The one subtle thing is
 * that a large request gets a block of its own *behind* the newest, so that
 * the room left in the newest is not lost.
 */
#include "base/arena.h"

#include <assert.h>

void arena_init(struct arena *a, struct budget *budget)
{
	*a = (struct arena){ .budget = budget };
}

static void block_free(struct arena *a, struct arena_block *b)
{
	assert(a->budget->used >= b->size);
	a->budget->used -= b->size;
	free(b);
}

void arena_done(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		block_free(a, b);
	}
	a->pos = NULL;
	a->end = NULL;
}

COLD void arena_reset_slowly(struct arena *a)
{
	struct arena_block *kept = NULL;

	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		if (!kept && b->size == ARENA_BLOCK)
			kept = b;
		else
			block_free(a, b);
	}
	a->blocks = kept;
	if (kept)
		kept->next = NULL;
	a->pos = kept ? kept->bytes : NULL;
	a->end = kept ? (char *)kept + kept->size : NULL;
}

static struct arena_block *block_new(struct arena *a, size_t size)
{
	struct budget *budget = a->budget;
	struct arena_block *b = NULL;

	if (size <= budget->limit && budget->used <= budget->limit - size)
		b = malloc(size);
	if (!b) {
		budget->is_short = true;
		return NULL;
	}
	budget->used += size;
	b->size = size;
	b->next = NULL;
	return b;
}

/* Large: a block of its own, behind the newest one, if there is one. */
static void *alloc_large(struct arena *a, size_t size)
{
	struct arena_block *b;

	if (size > SIZE_MAX - sizeof(*b)) {
		a->budget->is_short = true;
		return NULL;
	}
	b = block_new(a, sizeof(*b) + size);
	if (!b)
		return NULL;
	if (!a->blocks) {
		a->blocks = b;
		a->pos = (char *)b + b->size;
		a->end = a->pos;
		return b->bytes;
	}
	b->next = a->blocks->next;
	a->blocks->next = b;
	return b->bytes;
}

/* No arena has bytes left while this is called, so every allocation comes through here. */
static void *alloc_counted(struct arena *a, size_t size)
{
	if (--a->budget->fail_at > 0)
		return alloc_large(a, size);
	a->budget->is_short = true;
	return NULL;
}

COLD void *arena_alloc_slowly(struct arena *a, size_t size)
{
	struct arena_block *b;

	if (a->budget->fail_at > 0)
		return alloc_counted(a, size);
	if (size > ARENA_BLOCK / 4)
		return alloc_large(a, size);

	b = block_new(a, ARENA_BLOCK);
	if (!b)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	a->pos = b->bytes + size;
	a->end = (char *)b + ARENA_BLOCK;
	return b->bytes;
}

char *arena_bytes(struct arena *a, size_t size)
{
	char *p = a->pos;

	if (!p || size > (size_t)(a->end - p))
		return arena_alloc_slowly(a, size);
	a->pos = p + size;
	return p;
}

void arena_fail_at(struct arena *a, size_t n)
{
	a->budget->fail_at = n;
	a->pos = a->end;
}

weir_str arena_copy(struct arena *a, weir_str s)
{
	char *p = arena_bytes(a, s.len);

	if (!p)
		return (weir_str){ NULL, 0 };
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	return (weir_str){ p, s.len };
}
