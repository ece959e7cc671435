#ifndef WEIR_CORO_STACK_H
#define WEIR_CORO_STACK_H
/*
 * stack.h - stacks for tasks: cut from slabs of address space, used again and
 * again, last in first out. What describes a stack lies outside of it, so that
 * a stack that nobody uses need not keep a single page.
 *
 *	slab:	| guard | stack 0 .......... | guard | stack 1 ......... |
 *			^ low	         top ^
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"
#include "coro/guard.h"

struct log;
struct stack_slab;

struct stack {
	struct list link; /* among the pool's hot or cold ones; in use: linked to itself */
	char *low, *top;  /* the usable bytes */
	struct stack_slab *slab;
	enum guard guard;
	unsigned valgrind_id;
};

struct stack_pool {
	struct list hot;  /* free, most recently used first, with pages */
	struct list cold; /* free, without pages */
	struct list slabs;
	size_t n_free;	   /* hot and cold */
	size_t n_cold;
	size_t n_reserved; /* promised, and not yet taken; never more than n_free */
	size_t n_idle;	   /* the least n_free was since the last trim */
	size_t n_slabs;
	size_t size; /* usable bytes of a stack */
	struct guard_budget guards;
	const struct log *log; /* borrowed */
	bool has_said_canary;
};

/* size is rounded up to pages. Nothing better than best is used as a guard. */
void stack_pool_init(struct stack_pool *pool, size_t size, enum guard best, const struct log *log);
/* All stacks must have been given back. */
void stack_pool_done(struct stack_pool *pool);

/* NULL without memory. Its content is undefined. */
struct stack *stack_take(struct stack_pool *pool);
void stack_give(struct stack_pool *pool, struct stack *stack);

/* Promises one stack for later. -ENOMEM. */
MUST_USE int stack_reserve(struct stack_pool *pool);
/* Takes one that was promised: cannot fail. */
struct stack *stack_take_reserved(struct stack_pool *pool);
void stack_unreserve(struct stack_pool *pool);

/*
 * Once a second: takes the pages, and whole slabs, of stacks that nobody needed
 * since the last call. A bounded part at once: true when there is more to do.
 */
bool stack_trim(struct stack_pool *pool);
/* Gives back the pages of a stack in use that lie wholly below sp. */
void stack_release_below(struct stack *stack, const char *sp);

/* Is addr where an overflow of this stack faults first? */
static inline bool stack_guards(const struct stack *stack, const void *addr)
{
	return (const char *)addr >= stack->low - GUARD_SIZE && (const char *)addr < stack->low;
}

#endif
