#ifndef WEIR_DAEMON_MASTER_RELOAD_H
#define WEIR_DAEMON_MASTER_RELOAD_H
/*
 * master_reload.h - a new configuration, without anybody noticing: a child checks it,
 * workers of it start beside the old ones, and only when all of them are ready do
 * they serve, and the old ones drain. Whatever goes wrong before that changes nothing.
 *
 *	          SIGHUP            fine             all are ready           the old ones do not accept
 *	SETTLED ──────────► CHECKING ─────► RENEWING ─────────────► HANDING ──────► SETTLED
 *	   ▲                    │ bad           │ one cannot start
 *	   └────────────────────┴───────────────┘
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct master;

/* SIGHUP. One that comes while workers start begins anew. */
void master_reload_ask(struct master *m);
/* False: it was not the child that checks. */
bool master_reload_reaped(struct master *m, pid_t pid, int status);
/* One of the next generation is ready, or cannot be. */
void master_reload_ready(struct master *m);
void master_reload_failed(struct master *m);
/* One of a former generation does not accept any more, or has died. */
void master_reload_left(struct master *m);
/* No worker of a former generation is left, and none of the next one is there. */
bool master_reload_is_past(const struct master *m);
/* What is due; and when something will be: INT64_MAX: never. */
void master_reload_tick(struct master *m, int64_t now_ms);
int64_t master_reload_next_ms(const struct master *m);
/* Whatever was under way is over. */
void master_reload_settle(struct master *m);
/* The service manager is told that something is. */
void master_reload_tell(struct master *m);
/* All are ready for the first time: workers of the program before are replaced. */
void master_reload_replace_handed(struct master *m);
/* The daemon stops. */
void master_reload_give_up(struct master *m);

/* SIGUSR1. */
void master_reload_logs(struct master *m);

#endif
