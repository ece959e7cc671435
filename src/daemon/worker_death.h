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

/*
 * What the signal that has ended the process of a slot, whichever kind it is of, may mean, with a
 * separator in front; "" for nothing, or when we have sent it. own_signal is one that means
 * own_cause for processes of this kind.
 */
const char *worker_death_cause(const struct worker_slot *slot, int status, int own_signal,
			       const char *own_cause);

#endif
