/*
 * stack.c - the pool behind stack.h. Memory is touched lazily: a stack that
 * never went deeper than its first page costs that page. The two ways back are
 * trim (nobody uses the stack) and release_below (its task sleeps, and once
 * went deeper).
 */
#include "coro/stack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define STACK_VALGRIND
#endif
#endif

#if defined(SWITCH_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

#define PAGE ((size_t)4096)
#define SLAB_STACKS 64
/* As many free stacks keep their pages whatever the trim finds: a breath is no burst. */
#define SPARE_STACKS 64
#define TRIM_AT_ONCE 512

struct stack_slab {
	struct list link;
	char *base;
	size_t size;
	unsigned n_cold; /* of its stacks; all of them: it can go */
	struct stack stacks[SLAB_STACKS];
};

void stack_pool_init(struct stack_pool *pool, size_t size, enum guard best, const struct log *log)
{
	*pool = (struct stack_pool){ .log = log };
	list_init(&pool->cold);
	list_init(&pool->slabs);
	pool->size = (size + PAGE - 1) & ~(PAGE - 1);
	guard_probe(&pool->guards, best);
}

static size_t n_free(const struct stack_pool *pool)
{
	return pool->n_hot + pool->n_cold;
}

static void stack_forget(struct stack *stack)
{
	if (!stack->is_warm)
		return;
	stack->is_warm = false;
	switch_done(&stack->context);
#if defined(SWITCH_ASAN)
	/* The frames that lie on it are never left, and so never unpoisoned. */
	__asan_unpoison_memory_region(stack->low, (size_t)(stack->top - stack->low));
#endif
}

/* Its stacks are all free, and linked as cold ones or not at all. */
static void slab_free(struct stack_pool *pool, struct stack_slab *slab)
{
	for (size_t i = 0; i < SLAB_STACKS; i++) {
		struct stack *stack = &slab->stacks[i];

		stack_forget(stack);
		list_del(&stack->link);
		guard_forget(&pool->guards, stack->guard);
#if defined(STACK_VALGRIND)
		VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
	}
	pool->n_cold -= slab->n_cold;
	pool->n_slabs--;
	list_del(&slab->link);
	(void)munmap(slab->base, slab->size);
	free(slab);
}

void stack_pool_done(struct stack_pool *pool)
{
	assert(n_free(pool) == pool->n_slabs * SLAB_STACKS);
	list_for_each_safe (it, &pool->slabs)
		slab_free(pool, list_entry(it, struct stack_slab, link));
	free(pool->hot);
	pool->hot = NULL;
}

static void say_canary(struct stack_pool *pool)
{
	if (pool->has_said_canary || !pool->log)
		return;
	pool->has_said_canary = true;
	log_write(pool->log, LOG_AT_WARN,
		  "task stacks beyond the first %zu have no guard page (vm.max_map_count); "
		  "an overflow of one of these is found late",
		  pool->guards.n_protected);
}

static void stack_cut(struct stack_pool *pool, struct stack_slab *slab, size_t i)
{
	struct stack *stack = &slab->stacks[i];

	stack->low = slab->base + i * (GUARD_SIZE + pool->size) + GUARD_SIZE;
	stack->top = stack->low + pool->size;
	stack->slab = slab;
	stack->guard = guard_make(&pool->guards, stack->low - GUARD_SIZE);
	if (stack->guard == GUARD_CANARY)
		say_canary(pool);
#if defined(STACK_VALGRIND)
	stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->low, stack->top);
#endif
	list_add_tail(&pool->cold, &stack->link);
}

static int slab_new(struct stack_pool *pool, struct stack_slab **ret_slab)
{
	_cleanup_(freep) struct stack_slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	slab->size = SLAB_STACKS * (GUARD_SIZE + pool->size);
	slab->base = mmap(NULL, slab->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (slab->base == MAP_FAILED)
		return -ENOMEM;
	/* A huge page would make the first touch of one stack pay for ten. */
	(void)madvise(slab->base, slab->size, MADV_NOHUGEPAGE);
	*ret_slab = steal_ptr(slab);
	return 0;
}

static int pool_grow(struct stack_pool *pool)
{
	struct stack_slab *slab;
	struct stack **hot;
	int r;

	/* Room for all there will be, so that giving one back cannot fail. */
	hot = realloc(pool->hot, (pool->n_slabs + 1) * SLAB_STACKS * sizeof(struct stack *));
	if (!hot)
		return -ENOMEM;
	pool->hot = hot;
	r = slab_new(pool, &slab);
	if (r < 0)
		return r;

	for (size_t i = 0; i < SLAB_STACKS; i++)
		stack_cut(pool, slab, i);
	slab->n_cold = SLAB_STACKS;
	list_add_tail(&pool->slabs, &slab->link);
	pool->n_slabs++;
	pool->n_cold += SLAB_STACKS;
	return 0;
}

static struct stack *take_cold(struct stack_pool *pool)
{
	struct list *link = list_pop(&pool->cold);
	struct stack *stack;

	assert(link);
	stack = list_entry(link, struct stack, link);
	stack->slab->n_cold--;
	pool->n_cold--;
	if (stack->guard == GUARD_CANARY)
		guard_arm_canary(stack->low);
	return stack;
}

/* There is one. */
static struct stack *take_free(struct stack_pool *pool)
{
	struct stack *stack;

	stack = pool->n_hot > 0 ? pool->hot[--pool->n_hot] : take_cold(pool);
	if (pool->n_idle > pool->n_hot)
		pool->n_idle = pool->n_hot;
#if defined(SWITCH_ASAN)
	stack_show_pointers(stack);
#endif
	return stack;
}

COLD struct stack *stack_take_slowly(struct stack_pool *pool)
{
	if (n_free(pool) == pool->n_reserved && pool_grow(pool) < 0)
		return NULL;
	return take_free(pool);
}

int stack_reserve(struct stack_pool *pool)
{
	int r;

	if (n_free(pool) == pool->n_reserved) {
		r = pool_grow(pool);
		if (r < 0)
			return r;
	}
	pool->n_reserved++;
	return 0;
}

void stack_unreserve(struct stack_pool *pool)
{
	assert(pool->n_reserved > 0);
	pool->n_reserved--;
}

struct stack *stack_take_reserved(struct stack_pool *pool)
{
	stack_unreserve(pool);
	return take_free(pool);
}

/* Its pages go; with the last of its slab, the slab. */
static void stack_cool(struct stack_pool *pool, struct stack *stack)
{
	struct stack_slab *slab = stack->slab;

	stack_forget(stack);
	list_add_tail(&pool->cold, &stack->link);
	pool->n_cold++;
	slab->n_cold++;
	if (slab->n_cold == SLAB_STACKS && n_free(pool) - SLAB_STACKS >= pool->n_reserved) {
		slab_free(pool, slab);
		return;
	}
	(void)madvise(stack->low, (size_t)(stack->top - stack->low), MADV_DONTNEED);
}

bool stack_trim(struct stack_pool *pool)
{
	size_t n_more = pool->n_idle > SPARE_STACKS ? pool->n_idle - SPARE_STACKS : 0;
	size_t n = n_more < TRIM_AT_ONCE ? n_more : TRIM_AT_ONCE;
	struct stack *cooling[TRIM_AT_ONCE];

	/* The first are those that have been idle for longest. */
	if (n > 0) {
		memcpy(cooling, pool->hot, n * sizeof(struct stack *));
		pool->n_hot -= n;
		memmove(pool->hot, pool->hot + n, pool->n_hot * sizeof(struct stack *));
	}
	for (size_t i = 0; i < n; i++)
		stack_cool(pool, cooling[i]);

	pool->n_idle = n < n_more ? pool->n_idle - n : pool->n_hot;
	return n < n_more;
}

void stack_release_below(struct stack *stack)
{
	/* Below sp lies the red zone, 128 bytes that a leaf function uses without asking. */
	char *end = (char *)(((uintptr_t)stack->context.sp - 128) & ~(PAGE - 1));

	if (end <= stack->low)
		return;
	(void)madvise(stack->low, (size_t)(end - stack->low), MADV_DONTNEED);
	if (stack->guard == GUARD_CANARY)
		guard_arm_canary(stack->low);
}

void stack_show_pointers(const struct stack *stack)
{
#if defined(SWITCH_ASAN)
	__lsan_register_root_region(stack->low, (size_t)(stack->top - stack->low));
#endif
}

void stack_hide_pointers(const struct stack *stack)
{
#if defined(SWITCH_ASAN)
	__lsan_unregister_root_region(stack->low, (size_t)(stack->top - stack->low));
#endif
}

struct stack *stack_next(const struct stack_pool *pool, const struct stack *last)
{
	struct list *link = last ? &last->slab->link : pool->slabs.next;
	size_t i = last ? (size_t)(last - last->slab->stacks) + 1 : 0;

	if (i == SLAB_STACKS) {
		link = link->next;
		i = 0;
	}
	return link == &pool->slabs ? NULL : &list_entry(link, struct stack_slab, link)->stacks[i];
}
