#ifndef WEIR_DAEMON_CTL_KEEPER_H
#define WEIR_DAEMON_CTL_KEEPER_H
/*
 * ctl_keeper.h - the ctl process as the master sees it: one process, which is
 * started again when it dies, after a pause that grows to a second if it keeps
 * dying, and introduced to every worker whenever it or the worker is new. Nothing
 * else notices: what it says of the daemon lies in memory, and its sockets are the
 * master's. Where neither health: nor control: is configured, there is none.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"
#include "daemon/worker_slot.h"

struct ctl_doors;
struct ipc_message;
struct log;

struct ctl_keeper {
	const struct log *log;	       /* borrowed */
	const struct ctl_doors *doors; /* borrowed; NULL: there is no ctl process */
	struct worker_slot slot;       /* its process; the states mean what they do for workers */
};

/* doors: NULL, or none of them open: never one is due. */
void ctl_keeper_init(struct ctl_keeper *keeper, const struct log *log,
		     const struct ctl_doors *doors);
static inline bool ctl_keeper_is_due(const struct ctl_keeper *keeper, int64_t now_ms)
{
	return keeper->slot.state == WORKER_BACKING_OFF && keeper->slot.retry_ms <= now_ms;
}
/* When something is to be done for it; INT64_MAX. */
int64_t ctl_keeper_next_ms(const struct ctl_keeper *keeper);

/* As hub_keeper_fork(). */
MUST_USE pid_t ctl_keeper_fork(struct ctl_keeper *keeper, int *ret_control_fd);
/* In every other child. */
void ctl_keeper_forget(const struct ctl_keeper *keeper);
/* It has ended. is_last: no other will follow. */
void ctl_keeper_died(struct ctl_keeper *keeper, int status, bool is_last);
/* True: it asks for something (CONTROL_ASK_...). False: that was all, for now or for ever. */
bool ctl_keeper_listen(struct ctl_keeper *keeper, struct ipc_message *ret_message);

/* As hub_keeper_introduce(): a pipe between it and the worker, who may not be born yet. */
bool ctl_keeper_introduce(struct ctl_keeper *keeper, unsigned slot, int control_fd);
/* All workers who have not been introduced to it; how many still are not. */
unsigned ctl_keeper_introduce_all(struct ctl_keeper *keeper, struct worker_slot *slots, unsigned n);

/* None will be started any more. */
void ctl_keeper_give_up(struct ctl_keeper *keeper);
/* It is told to end, once; and is killed when it has not done so in time. */
void ctl_keeper_stop(struct ctl_keeper *keeper, int64_t now_ms);
void ctl_keeper_kill(struct ctl_keeper *keeper);
/* At once and for a moment: another program is to open the same sockets. If it does not come to that, one is due. */
void ctl_keeper_step_aside(struct ctl_keeper *keeper);

#endif
