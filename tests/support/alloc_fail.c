/* alloc_fail.c - see alloc_fail.h. Test programs are single-threaded. */
#include "alloc_fail.h"

#include <stddef.h>

static long countdown = -1;
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void alloc_fail_at(long n)
{
	countdown = n;
	has_failed = false;
}

bool alloc_fail_stop(void)
{
	countdown = -1;
	return has_failed;
}

static bool fails_now(void)
{
	if (countdown < 0)
		return false;
	if (countdown-- > 0)
		return false;
	has_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails_now() ? NULL : __real_realloc(p, size);
}
