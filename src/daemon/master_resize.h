#ifndef WEIR_DAEMON_MASTER_RESIZE_H
#define WEIR_DAEMON_MASTER_RESIZE_H
/* master_resize.h - a worker more or less, by SIGTTIN and SIGTTOU, until the next reload. */
struct master;

/* By so many; negative: less. One stays. */
void master_resize(struct master *m, int n_more);

#endif
