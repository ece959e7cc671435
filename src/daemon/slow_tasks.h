#ifndef WEIR_DAEMON_SLOW_TASKS_H
#define WEIR_DAEMON_SLOW_TASKS_H
/*
 * slow_tasks.h - the tasks of a worker's oldest requests, for the status page: whose
 * they are, what they await, and since when. Sessions, streams of events and
 * background tasks are meant to last, and are left out; weirctl ps has all. On
 * the loop's stack.
 */
#include "base/macro.h"

struct buf;
struct sched;

/* So many of each worker. */
#define SLOW_TASKS_MAX 10

/*
 * As JSON: an array, the oldest request's first, of
 *
 *	{"handler": "shop.page", "request": "GET /page/7", "route": "/page/{n}", "task": "",
 *	 "awaits": "weir_sleep", "since_ms": 1200, "age_ms": 1500}
 *
 * with task the name of one that the handler has spawned. -ENOMEM.
 */
MUST_USE int slow_tasks_write(const struct sched *sched, struct buf *out);

#endif
