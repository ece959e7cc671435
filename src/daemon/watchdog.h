#ifndef WEIR_DAEMON_WATCHDOG_H
#define WEIR_DAEMON_WATCHDOG_H
/*
 * watchdog.h - a thread that notices when a worker's loop does not turn: some
 * handler computes, or blocks in a system call, and all other requests of
 * the worker wait. While it is still stuck, the log is told by whom, for whom
 * and with what; the master is told that there is a backtrace to be
 * reported. As long as the loop waits for events, the thread sleeps.
 *
 * A thread that computes is interrupted by a signal, once, to see where it
 * is; one that sleeps in a system call is looked at from outside: none of
 * its calls ends with EINTR for our sake.
 */
#include <stdint.h>

#include "base/macro.h"

struct crash_note;
struct log;
struct sched;
struct watchdog;
struct worker_lag;

/* All borrowed, and there until watchdog_stop(). */
struct watchdog_setup {
	const struct sched *sched;
	const struct log *log;
	struct crash_note *note;
	struct worker_lag *lag; /* follows the loop already */
	int control_fd;		/* to the master */
	int64_t limit_ms;	/* a turn longer than this is a stall */
	int64_t abort_ms;	/* longer than this ends the process; 0: never */
};

/* On the loop's thread; one at a time in a process. -ENOMEM, -EAGAIN: there can be no thread. */
MUST_USE int watchdog_start(const struct watchdog_setup *setup, struct watchdog **ret_watchdog);
/* On the same thread. NULL is fine. */
struct watchdog *watchdog_stop(struct watchdog *watchdog);

#endif
