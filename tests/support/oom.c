/*
 * oom.c - see oom.h. The counter is a thread's own: an allocation of another
 * thread must not be hit in place of the test's.
 */
#include "oom.h"

#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static _Thread_local unsigned countdown;
static _Thread_local bool has_failed;

void oom_fail_at(unsigned n)
{
	countdown = n;
	has_failed = false;
}

bool oom_has_failed(void)
{
	countdown = 0;
	return has_failed;
}

static bool fails_now(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	has_failed = true;
	errno = ENOMEM;
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

void *__wrap_realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __real_realloc(old, size);
}
