/*
 * guard.c - see guard.h. What is hard is only to know beforehand how many
 * mappings a process may have: when they are used up, malloc fails too.
 */
#include "coro/guard.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macro.h"

/* In Linux 6.13's headers, which Debian 12 does not have. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* The kernel's default, should /proc not be there. */
#define DEFAULT_MAX_MAPS 65530

static size_t read_max_maps(void)
{
	char text[32] = "";
	_cleanup_(close_fdp) int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	unsigned long n;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return DEFAULT_MAX_MAPS;
	n = strtoul(text, NULL, 10);
	return n > 0 ? n : DEFAULT_MAX_MAPS;
}

static bool can_install(void)
{
	void *p = mmap(NULL, GUARD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	int r;

	if (p == MAP_FAILED)
		return false;
	r = madvise(p, GUARD_SIZE, MADV_GUARD_INSTALL);
	(void)munmap(p, GUARD_SIZE);
	return r == 0;
}

void guard_probe(struct guard_budget *budget, enum guard best)
{
	*budget = (struct guard_budget){ .best = best };
	/* Two mappings a guard: it and what lies between it and the next. */
	budget->max_protected = read_max_maps() / 4 / 2;
	if (best == GUARD_INSTALL && !can_install())
		budget->best = GUARD_PROTECT;
}

enum guard guard_make(struct guard_budget *budget, char *low)
{
	/* It fails on locked memory even where the kernel knows it. */
	if (budget->best == GUARD_INSTALL && madvise(low, GUARD_SIZE, MADV_GUARD_INSTALL) == 0)
		return GUARD_INSTALL;
	if (budget->best == GUARD_CANARY || budget->n_protected >= budget->max_protected)
		return GUARD_CANARY;
	if (mprotect(low, GUARD_SIZE, PROT_NONE) < 0)
		return GUARD_CANARY;
	budget->n_protected++;
	return GUARD_PROTECT;
}

void guard_forget(struct guard_budget *budget, enum guard guard)
{
	if (guard == GUARD_PROTECT)
		budget->n_protected--;
}

void guard_arm_canary(char *stack_low)
{
	*(uint64_t *)(void *)stack_low = guard_canary(stack_low);
}
