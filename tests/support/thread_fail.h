#ifndef WEIR_TESTS_THREAD_FAIL_H
#define WEIR_TESTS_THREAD_FAIL_H
/*
 * thread_fail.h - a system that starts no more threads, as under a limit; and
 * how many it has started. pthread_create() is wrapped at link time (thread_fail_dep).
 */
#include <stdbool.h>

void thread_fail(bool fails);
/* How many were started. */
unsigned thread_count(void);

#endif
