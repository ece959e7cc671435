#ifndef WEIR_DAEMON_LAST_RESORT_H
#define WEIR_DAEMON_LAST_RESORT_H
/*
 * last_resort.h - the end of a worker that does not end: when a handler blocks
 * its thread, no event reaches the loop any more, and if the master has died,
 * nobody is left to kill it. The kernel's alarm(2) is.
 *
 *	SIGTERM		also the kernel's word that the master has died: the
 *			alarm is set by the signal handler itself, and the
 *			loop, if it still turns, sets it off again
 *	SIGALRM		ends the process
 */
#include <stdint.h>

/* A loop that does not turn for so long after SIGTERM is stuck. */
#define LAST_RESORT_STUCK_S 60

/*
 * To be called when an ev_signal for SIGTERM has been started: takes its place
 * in front of it, and hands the signal on.
 */
void last_resort_watch(void);
/* From now on SIGTERM does nothing; an alarm that is set remains. */
void last_resort_unwatch(void);

/* The process ends so many milliseconds from now, rounded up to seconds, whatever it does. */
void last_resort_set(int64_t ms);
void last_resort_clear(void);

#endif
