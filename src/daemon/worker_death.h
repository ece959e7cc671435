#ifndef WEIR_DAEMON_WORKER_DEATH_H
#define WEIR_DAEMON_WORKER_DEATH_H
/*
 * worker_death.h - what is said of a worker that has ended although it should
 * have served: how, why as far as that is known, and when the next one starts.
 */
#include <sys/types.h>

struct log;
struct worker_slot;

/*
 * The slot is backing off. why begins with its separator, "" when the worker has
 * left no reason; last is the handler that it started last, or "".
 */
void worker_death_say(const struct log *log, const struct worker_slot *slot, pid_t pid, int status,
		      const char *why, const char *last);

#endif
