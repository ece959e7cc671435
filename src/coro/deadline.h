#ifndef WEIR_CORO_DEADLINE_H
#define WEIR_CORO_DEADLINE_H
/*
 * deadline.h - limits and shields of the running task, pushed and popped in
 * pairs around a call. A deadline is what is nearest of its own and those
 * around it. A shield starts anew: in it neither cancellations nor deadlines
 * from outside count, only its own limit. Tasks begin with the limit in force
 * where they are spawned.
 *
 * Outside of tasks these do nothing. A push for which there is no memory has
 * all suspending calls up to its pop fail with -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

/* ms not above 0: has passed already. */
void deadline_push(int64_t ms);
/* Hands result through. */
MUST_USE int deadline_pop(int result);
/* Has one of those in force passed? */
bool deadline_has_passed(void);
/* When the nearest one passes, by the loop's clock; INT64_MAX: none is in force. */
int64_t deadline_nearest_ms(void);

void deadline_push_shield(int64_t ms);
MUST_USE int deadline_pop_shield(int result);

#endif
