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
#include "coro/switch.h"

struct log;
struct stack_slab;

struct stack {
	struct context context; /* while somebody else runs */
	char *low, *top;	/* the usable bytes */
	bool is_warm; /* its user's: what lies on it is as it was left; false when it is new */
	enum guard guard;
	struct list link; /* among the pool's cold ones */
	struct stack_slab *slab;
	unsigned valgrind_id;
};

struct stack_pool {
	struct stack **hot; /* free, and with pages; the last was given last */
	size_t n_hot;
	size_t n_idle;	   /* the least n_hot was since the last trim */
	size_t n_cold;	   /* free, and without pages */
	size_t n_reserved; /* promised, and not yet taken; never more than there are free */
	struct list cold;
	struct list slabs;
	size_t n_slabs;
	size_t size; /* usable bytes of a stack */
	struct guard_budget guards;
	const struct log *log; /* borrowed */
	bool has_said_canary;
};

/* size is rounded up to pages. Nothing better than best is used as a guard. log may be NULL. */
void stack_pool_init(struct stack_pool *pool, size_t size, enum guard best, const struct log *log);
/* All stacks must have been given back. */
void stack_pool_done(struct stack_pool *pool);

/* NULL without memory. */
static inline struct stack *stack_take(struct stack_pool *pool);
static inline void stack_give(struct stack_pool *pool, struct stack *stack);

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
/* Gives back the pages of a stack in use that lie wholly below where it was left. */
void stack_release_below(struct stack *stack);

/* All there are, used or not, in no order that stays: start with NULL; NULL at the end. */
struct stack *stack_next(const struct stack_pool *pool, const struct stack *last);

/* Is addr where an overflow of this stack faults first? */
static inline bool stack_guards(const struct stack *stack, const void *addr)
{
	return (const char *)addr >= stack->low - GUARD_SIZE && (const char *)addr < stack->low;
}

/* When none is hot, or those that are may be promised to somebody. */
struct stack *stack_take_slowly(struct stack_pool *pool);
/* For LeakSanitizer: only a stack in use may point to anything. */
void stack_show_pointers(const struct stack *stack);
void stack_hide_pointers(const struct stack *stack);

static inline struct stack *stack_take(struct stack_pool *pool)
{
	struct stack *stack;

	if (pool->n_hot <= pool->n_reserved)
		return stack_take_slowly(pool);
	stack = pool->hot[--pool->n_hot];
	if (pool->n_idle > pool->n_hot)
		pool->n_idle = pool->n_hot;
#if defined(SWITCH_ASAN)
	stack_show_pointers(stack);
#endif
	return stack;
}

static inline void stack_give(struct stack_pool *pool, struct stack *stack)
{
#if defined(SWITCH_ASAN)
	stack_hide_pointers(stack);
#endif
	pool->hot[pool->n_hot++] = stack;
}

#endif
