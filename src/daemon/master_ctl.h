#ifndef WEIR_DAEMON_MASTER_CTL_H
#define WEIR_DAEMON_MASTER_CTL_H
/* master_ctl.h - the master's part of the ctl process, and what that may know without asking: the board. */
#include <stdint.h>

struct master;
struct pollfd;

/* For others to read: at once, where the next thing that is done depends on it. */
void master_ctl_publish(struct master *m);
/* What is due by now. */
void master_ctl_tick(struct master *m, int64_t now_ms);
void master_ctl_poll(const struct master *m, struct pollfd *ret_polled);
/* What it asks for, if poll() has found anything. */
void master_ctl_listen(struct master *m, const struct pollfd *polled);

#endif
