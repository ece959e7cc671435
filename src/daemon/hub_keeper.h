#ifndef WEIR_DAEMON_HUB_KEEPER_H
#define WEIR_DAEMON_HUB_KEEPER_H
/*
 * hub_keeper.h - the hub as the master sees it: one process, which is started
 * again when it dies, after a pause that grows to a second if it keeps dying,
 * and introduced to every worker whenever it or the worker is new. Nothing ends
 * because of it: while there is none, the daemon serves without.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"
#include "daemon/worker_slot.h"

struct ipc_message;
struct log;

struct hub_keeper {
	const struct log *log;	 /* borrowed */
	struct worker_slot slot; /* its process; the states mean what they do for workers */
};

void hub_keeper_init(struct hub_keeper *keeper, const struct log *log);
static inline bool hub_keeper_is_due(const struct hub_keeper *keeper, int64_t now_ms)
{
	return keeper->slot.state == WORKER_BACKING_OFF && keeper->slot.retry_ms <= now_ms;
}

/*
 * Forks it: 0 in the child, with the end of the control socket; else a pid, or
 * a negative errno, which has been logged; then it is due again later.
 */
MUST_USE pid_t hub_keeper_fork(struct hub_keeper *keeper, int *ret_control_fd);
/* It has ended. is_last: no other will follow, whether it was told to stop or not. */
void hub_keeper_died(struct hub_keeper *keeper, int status, bool is_last);
/*
 * True: it wants a job process killed or retired. False: that was all, or it has closed its
 * socket, or said what it may not: SIGCHLD will tell the rest.
 */
bool hub_keeper_listen(struct hub_keeper *keeper, struct ipc_message *ret_message);

/*
 * Gives each its ends of two pipes to the other, for publications and for jobs.
 * The control socket is that of the slot's worker, which may not be born yet.
 * False when one of them has not taken it: to be tried again.
 */
bool hub_keeper_introduce(struct hub_keeper *keeper, unsigned slot, int control_fd);
/* All workers who have not been introduced to this hub; how many still are not. */
unsigned hub_keeper_introduce_all(struct hub_keeper *keeper, struct worker_slot *slots, unsigned n);

/* None will be started any more. */
void hub_keeper_give_up(struct hub_keeper *keeper);
/* It is told to end, once, and has so many milliseconds. */
void hub_keeper_stop(struct hub_keeper *keeper, int64_t patience_ms);
/* Its patience is over. */
void hub_keeper_kill(struct hub_keeper *keeper);

#endif
