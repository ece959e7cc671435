#ifndef WEIR_DAEMON_MASTER_WORKERS_H
#define WEIR_DAEMON_MASTER_WORKERS_H
/* master_workers.h - the workers as the master sees them: what they say, how they die, who takes over. */
#include <stdbool.h>

struct master;
struct worker_slot;

void master_workers_start(struct master *m, struct worker_slot *slot);
/* All that it has said so far. */
void master_workers_listen(struct master *m, struct worker_slot *slot);
/* It has been reaped. */
void master_workers_died(struct master *m, struct worker_slot *slot, int status);
/* If all are ready, and the job processes, the daemon is. */
void master_workers_become_ready(struct master *m);

void master_workers_signal(const struct worker_slot *slot, int sig);
void master_workers_drain(struct worker_slot *slot);
void master_workers_say_late(const struct master *m, const struct worker_slot *slot);
/* It was told to leave, but not by us: its death is for master_workers_died() to see, as any other. */
void master_workers_end_leaving(const struct master *m, struct worker_slot *slot);
bool master_workers_are_left(const struct master *m);

#endif
