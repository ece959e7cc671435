#ifndef WEIR_DAEMON_MASTER_UPGRADE_H
#define WEIR_DAEMON_MASTER_UPGRADE_H
/*
 * master_upgrade.h - SIGUSR2: the program that is on disk by now takes this one's place, in
 * the same process, with its listening sockets and its workers, which it replaces as a reload
 * does. It is asked first whether the configuration is fine.
 */
#include <stdbool.h>
#include <sys/types.h>

struct master;

void master_upgrade_ask(struct master *m);
/* False: it was not the child that asks. */
bool master_upgrade_reaped(struct master *m, pid_t pid, int status);
/*
 * If it has said yes, this program ends here. To be called when nothing is left of what signals have
 * said: the next program does not know that this one was told to stop.
 */
void master_upgrade_leave(struct master *m);

/* In the program that has taken the place: workers that were left are in slots of no generation. */
void master_upgrade_take(struct master *m);

#endif
