#ifndef WEIR_DAEMON_MASTER_STOP_H
#define WEIR_DAEMON_MASTER_STOP_H
/* master_stop.h - the end of the daemon, as the master brings it about. */
#include <stdint.h>

struct master;

/* All are told to end, and have so long. Once; then it does nothing. */
void master_stop_begin(struct master *m, int exit_code, int64_t grace_ms);
/* The daemon cannot start. */
void master_stop_failed(struct master *m, int exit_code);
/* By so many signals more: the second one insists. */
void master_stop_asked(struct master *m, int n_more);
void master_stop_kill_all(struct master *m);

#endif
