#ifndef WEIR_TESTS_OOM_H
#define WEIR_TESTS_OOM_H
/*
 * oom.h - makes the n-th allocation of the code under test fail, once. malloc,
 * calloc and realloc are wrapped at link time (oom_dep), so only what is linked
 * into the test program is meant: libraries do not notice.
 *
 *	for (unsigned n = 1; ; n++) {
 *		oom_fail_at(n);
 *		r = thing_new(&thing);
 *		if (!oom_has_failed())
 *			break;		<- it needs fewer than n allocations
 *		cr_assert_eq(r, -ENOMEM);
 *	}
 */
#include <stdbool.h>

/* Counts from 1, from now; 0 switches it off. */
void oom_fail_at(unsigned n);
/* Whether it came to that; switches it off. */
bool oom_has_failed(void);

#endif
