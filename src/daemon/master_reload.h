#ifndef WEIR_DAEMON_MASTER_RELOAD_H
#define WEIR_DAEMON_MASTER_RELOAD_H
/*
 * master_reload.h - a new configuration, without anybody noticing: a child checks it,
 * workers of it start beside the old ones, and only when all of them are ready do
 * they serve, and the old ones drain. Whatever goes wrong before that changes nothing.
 *
 *	          SIGHUP            fine             all are ready
 *	SETTLED ──────────► CHECKING ─────► RENEWING ─────────────► SETTLED
 *	   ▲                    │ bad           │ one cannot start
 *	   └────────────────────┴───────────────┘
 */
#include <stdbool.h>
#include <sys/types.h>

struct master;

/* SIGHUP. One that comes while workers start begins anew. */
void master_reload_ask(struct master *m);
/* False: it was not the child that checks. */
bool master_reload_reaped(struct master *m, pid_t pid, int status);
/* One of the next generation is ready, or cannot be. */
void master_reload_ready(struct master *m);
void master_reload_failed(struct master *m);
/* The daemon stops. */
void master_reload_give_up(struct master *m);

/* SIGUSR1. */
void master_reload_logs(struct master *m);

#endif
