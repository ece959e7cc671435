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
#include <sys/mman.h>

#include "base/log.h"
#include "coro/switch.h"

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
	list_init(&pool->hot);
	list_init(&pool->cold);
	list_init(&pool->slabs);
	pool->size = (size + PAGE - 1) & ~(PAGE - 1);
	guard_probe(&pool->guards, best);
}

static void slab_free(struct stack_pool *pool, struct stack_slab *slab)
{
	for (size_t i = 0; i < SLAB_STACKS; i++) {
		struct stack *stack = &slab->stacks[i];

		list_del(&stack->link);
		guard_forget(&pool->guards, stack->guard);
#if defined(STACK_VALGRIND)
		VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
	}
	pool->n_free -= SLAB_STACKS;
	pool->n_cold -= slab->n_cold;
	pool->n_slabs--;
	list_del(&slab->link);
	(void)munmap(slab->base, slab->size);
	free(slab);
}

void stack_pool_done(struct stack_pool *pool)
{
	assert(pool->n_free == pool->n_slabs * SLAB_STACKS);
	list_for_each_safe(it, &pool->slabs)
		slab_free(pool, list_entry(it, struct stack_slab, link));
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

static int pool_grow(struct stack_pool *pool)
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

	for (size_t i = 0; i < SLAB_STACKS; i++)
		stack_cut(pool, slab, i);
	slab->n_cold = SLAB_STACKS;
	list_add_tail(&pool->slabs, &slab->link);
	pool->n_slabs++;
	pool->n_free += SLAB_STACKS;
	pool->n_cold += SLAB_STACKS;
	(void)steal_ptr(slab);
	return 0;
}

static void stack_prepare(struct stack *stack)
{
	if (stack->guard == GUARD_CANARY)
		guard_arm_canary(stack->low);
#if defined(SWITCH_ASAN)
	/* Frames that were never left (the task's first) are still poisoned. */
	__asan_unpoison_memory_region(stack->low, (size_t)(stack->top - stack->low));
	/* Only while it is used: what the dead left behind must not hide a leak. */
	__lsan_register_root_region(stack->low, (size_t)(stack->top - stack->low));
#endif
}

static struct stack *take_free(struct stack_pool *pool)
{
	struct list *link = list_pop(&pool->hot);
	struct stack *stack;

	if (!link) {
		link = list_pop(&pool->cold);
		assert(link);
		list_entry(link, struct stack, link)->slab->n_cold--;
		pool->n_cold--;
	}
	stack = list_entry(link, struct stack, link);
	pool->n_free--;
	if (pool->n_idle > pool->n_free)
		pool->n_idle = pool->n_free;
	stack_prepare(stack);
	return stack;
}

struct stack *stack_take(struct stack_pool *pool)
{
	if (pool->n_free == pool->n_reserved && pool_grow(pool) < 0)
		return NULL;
	return take_free(pool);
}

int stack_reserve(struct stack_pool *pool)
{
	int r;

	if (pool->n_free == pool->n_reserved) {
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

void stack_give(struct stack_pool *pool, struct stack *stack)
{
#if defined(SWITCH_ASAN)
	__lsan_unregister_root_region(stack->low, (size_t)(stack->top - stack->low));
#endif
	list_add_head(&pool->hot, &stack->link);
	pool->n_free++;
}

/* The pages of the coldest of the hot ones; with the last of its slab, the slab. */
static void cool_one(struct stack_pool *pool)
{
	struct stack *stack = list_entry(pool->hot.prev, struct stack, link);
	struct stack_slab *slab = stack->slab;

	list_move_tail(&pool->cold, &stack->link);
	pool->n_cold++;
	slab->n_cold++;
	if (slab->n_cold == SLAB_STACKS && pool->n_free - SLAB_STACKS >= pool->n_reserved) {
		slab_free(pool, slab);
		pool->n_idle -= SLAB_STACKS;
		return;
	}
	(void)madvise(stack->low, (size_t)(stack->top - stack->low), MADV_DONTNEED);
}

bool stack_trim(struct stack_pool *pool)
{
	size_t n = 0;

	/* Cold ones are taken last, so those that stayed idle are all of them and then hot ones. */
	while (pool->n_idle > pool->n_cold + SPARE_STACKS) {
		if (n++ == TRIM_AT_ONCE)
			return true;
		cool_one(pool);
	}
	pool->n_idle = pool->n_free;
	return false;
}

void stack_release_below(struct stack *stack, const char *sp)
{
	/* Below sp lies the red zone, 128 bytes that a leaf function uses without asking. */
	char *end = (char *)((uintptr_t)(sp - 128) & ~(PAGE - 1));

	if (end <= stack->low)
		return;
	(void)madvise(stack->low, (size_t)(end - stack->low), MADV_DONTNEED);
	if (stack->guard == GUARD_CANARY)
		guard_arm_canary(stack->low);
}
