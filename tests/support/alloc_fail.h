#ifndef WEIR_TESTS_ALLOC_FAIL_H
#define WEIR_TESTS_ALLOC_FAIL_H
/*
 * alloc_fail.h - makes the n-th allocation fail. Link alloc_fail.c with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc; only code linked into the
 * test program itself is concerned, not its libraries.
 */
#include <stdbool.h>

/* The n-th allocation from now, counted from 0, fails; a negative n: none. */
void alloc_fail_at(long n);

/* Stops failing. Did the allocation come to pass? If not, n was past the last one. */
bool alloc_fail_stop(void);

#endif
