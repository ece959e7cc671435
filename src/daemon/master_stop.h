#ifndef WEIR_DAEMON_MASTER_STOP_H
#define WEIR_DAEMON_MASTER_STOP_H
/* master_stop.h - the end of the daemon, as the master brings it about. */
#include <stdint.h>

struct master;

/* The daemon cannot start. */
void master_stop_failed(struct master *m, int exit_code);
/* By so many signals more: the second one insists. */
void master_stop_asked(struct master *m, int n_more);
/* All may finish what they have, however long it takes. */
void master_stop_patiently(struct master *m);
/* When it was asked to, and has given notice. */
void master_stop_tick(struct master *m, int64_t now_ms);
void master_stop_kill_all(struct master *m);

#endif
