#include "thread_fail.h"

#include <errno.h>
#include <pthread.h>

static bool is_failing;
static unsigned n_started;

int __real_pthread_create(pthread_t *ret_id, const pthread_attr_t *attr, void *(*fn)(void *arg),
			  void *arg);
int __wrap_pthread_create(pthread_t *ret_id, const pthread_attr_t *attr, void *(*fn)(void *arg),
			  void *arg);

void thread_fail(bool fails)
{
	is_failing = fails;
}

unsigned thread_count(void)
{
	return n_started;
}

int __wrap_pthread_create(pthread_t *ret_id, const pthread_attr_t *attr, void *(*fn)(void *arg),
			  void *arg)
{
	if (is_failing)
		return EAGAIN;
	n_started++;
	return __real_pthread_create(ret_id, attr, fn, arg);
}
