#ifndef WEIR_CORO_GUARD_H
#define WEIR_CORO_GUARD_H
/*
 * guard.h - pages below a stack that must not be touched, so that an overflow
 * is a SIGSEGV and not somebody else's data. Three ways, the best that works:
 *
 *	GUARD_INSTALL	MADV_GUARD_INSTALL, Linux 6.13: costs no mapping
 *	GUARD_PROTECT	mprotect(): splits the mapping, of which a process has
 *			vm.max_map_count; at most a quarter of them is taken
 *	GUARD_CANARY	a word at the stack's end, looked at when the task is
 *			left: tells that it happened, after it has happened
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum guard { GUARD_INSTALL, GUARD_PROTECT, GUARD_CANARY };

/* Less than what a function's frame can jump over without touching it is no guard. */
#define GUARD_SIZE ((size_t)64 * 1024)

struct guard_budget {
	enum guard best;      /* what to try first */
	size_t n_protected;   /* guards made with mprotect() */
	size_t max_protected; /* and how many there may be */
};

/* Finds out what this kernel can do, but nothing better than best. */
void guard_probe(struct guard_budget *budget, enum guard best);
/* Makes [low, low + GUARD_SIZE) a guard. GUARD_CANARY: it could not, and nothing was done. */
enum guard guard_make(struct guard_budget *budget, char *low);
/* When the memory under a guard is unmapped. */
void guard_forget(struct guard_budget *budget, enum guard guard);

/* The first word above a guard, where there is no better one. */
void guard_arm_canary(char *stack_low);
static inline uint64_t guard_canary(const char *stack_low)
{
	/* Its own address is in it: the canary of another stack is no canary. */
	return UINT64_C(0x9d3fb1a6c4e8725b) ^ (uint64_t)(uintptr_t)stack_low;
}
static inline bool guard_is_canary_dead(const char *stack_low)
{
	return *(const uint64_t *)(const void *)stack_low != guard_canary(stack_low);
}

#endif
