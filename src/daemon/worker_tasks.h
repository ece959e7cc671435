#ifndef WEIR_DAEMON_WORKER_TASKS_H
#define WEIR_DAEMON_WORKER_TASKS_H
/*
 * worker_tasks.h - the tasks of a worker, for whoever looks at it while it runs:
 * whose each is, what it awaits, and since when. On the loop's stack.
 */
#include <stdint.h>

#include "base/macro.h"

struct buf;
struct crash_note;
struct sched;
struct task;

/* Of the rows below: see ctl_text.h. */
#define WORKER_TASKS_COLUMNS \
	"id:s\thandler:s\trequest:s\ttask:s\tawaits:s\tsince:m\tstack:b\trequest_id:s"

/* A row for each; those that there is no room for are left out, and -EMSGSIZE or -ENOMEM said. */
MUST_USE int worker_tasks_write(const struct sched *sched, unsigned slot, struct buf *out);
/* The function of ours that it waits in; "": not known. */
const char *worker_tasks_awaits(const struct task *task);
/* The one that a row's id has this tag of; NULL. */
struct task *worker_tasks_find(const struct sched *sched, uint32_t tag);
/* Where it waits, as if it were stuck: a note that daemon/crash_report reads. -ENOMEM, -ENOTSUP. */
MUST_USE int worker_tasks_note(const struct sched *sched, struct task *task,
			       struct crash_note *note);

#endif
