#ifndef WEIR_DAEMON_MASTER_WORKERS_H
#define WEIR_DAEMON_MASTER_WORKERS_H
/* master_workers.h - the workers as the master sees them: what they say, how they die, who takes over. */
#include <stdbool.h>

struct generation;
struct master;
struct worker_slot;

/* An empty slot, which becomes the one of this generation's lane; NULL: there is none. */
struct worker_slot *master_workers_place(struct master *m, const struct generation *generation,
					 unsigned lane);
void master_workers_start(struct master *m, struct worker_slot *slot);
/* SIGTTIN's, and it has not been ready: its sockets do not listen, if its lane is new, so it must not accept. */
bool master_workers_is_added(const struct master *m, const struct worker_slot *slot);
/* To one that is held: that it may. */
void master_workers_serve(const struct worker_slot *slot);
/* All that it has said so far. */
void master_workers_listen(struct master *m, struct worker_slot *slot);
/* It has been reaped. */
void master_workers_died(struct master *m, struct worker_slot *slot, int status);
/* All that a generation wants. */
bool master_workers_are_ready(const struct master *m, const struct generation *generation);
/* Somebody accepts from every lane; after any change. */
void master_workers_settle(struct master *m);
/* If all are ready, and the job processes, the daemon is. */
void master_workers_become_ready(struct master *m);

void master_workers_signal(const struct worker_slot *slot, int sig);
/* how: bits of enum control_drain. A slot without a process is empty then. */
void master_workers_drain(struct worker_slot *slot, unsigned how);
void master_workers_say_late(const struct master *m, const struct worker_slot *slot);
/* Its patience is over: its death is for master_workers_died() to see, as any other. */
void master_workers_end(const struct master *m, struct worker_slot *slot);
bool master_workers_are_left(const struct master *m);

#endif
