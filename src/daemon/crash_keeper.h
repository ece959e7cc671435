#ifndef WEIR_DAEMON_CRASH_KEEPER_H
#define WEIR_DAEMON_CRASH_KEEPER_H
/*
 * crash_keeper.h - the master's part of a crash: a note for each worker and
 * job process, and short-lived children that make lines of the log of one. They
 * may take as much memory, and as wrong a turn, as they like: the master goes on.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/macro.h"

struct crash_note;
struct log;

/* Reports that are made at the same time. */
#define CRASH_KEEPER_REPORTS 4
/* After so long one is ended, finished or not. */
#define CRASH_KEEPER_PATIENCE_S 20

struct crash_keeper {
	const struct log *log;	   /* borrowed */
	struct crash_note **notes; /* owned, one for each slot; NULL: there was no memory */
	unsigned n;
	pid_t reporters[CRASH_KEEPER_REPORTS]; /* 0: none */
};

/* -ENOMEM. */
MUST_USE int crash_keeper_init(struct crash_keeper *keeper, const struct log *log, unsigned n);
/* Zeroed is fine. */
void crash_keeper_done(struct crash_keeper *keeper);

/* For the process that is forked next for this slot: a new one, or NULL. What the last has left goes. */
struct crash_note *crash_keeper_renew(struct crash_keeper *keeper, unsigned slot);

/*
 * Forks who reports: 0 in the child; else a pid, or a negative errno, which has
 * been logged. The child is called with no more than it needs open, and ends by _exit().
 */
MUST_USE pid_t crash_keeper_fork(struct crash_keeper *keeper);
/* False: it was none of them. */
bool crash_keeper_reaped(struct crash_keeper *keeper, pid_t pid);
/* Is any of them under way? */
bool crash_keeper_is_busy(const struct crash_keeper *keeper);
void crash_keeper_kill(const struct crash_keeper *keeper);

#endif
