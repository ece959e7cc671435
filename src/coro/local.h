#ifndef WEIR_CORO_LOCAL_H
#define WEIR_CORO_LOCAL_H
/*
 * local.h - values that follow a task and what it spawns. A child begins with
 * its spawner's values; what either sets later, the other does not see.
 */
#include "base/macro.h"

struct local; /* a key */
struct locals;
struct sched;

/* Lives as long as the scheduler, which owns it. NULL without memory or without a scheduler. */
struct local *local_new(void);
/* In the running task; the value is borrowed. -ENOMEM; -EDEADLK outside of tasks. */
MUST_USE int local_set(const struct local *key, void *value);
/* NULL: not set, or outside of tasks. */
void *local_get(const struct local *key);

/* From here on: for this folder. */
struct locals *local_share(struct locals *locals);
void local_drop(struct locals *locals);
void local_free_keys(struct sched *sched);

#endif
