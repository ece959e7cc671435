#ifndef WEIR_DAEMON_WORKER_CONNS_H
#define WEIR_DAEMON_WORKER_CONNS_H
/* worker_conns.h - the connections of a worker, for whoever looks at it while it runs. On the loop's stack. */
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

struct buf;
struct server;

/* Of the rows below: see ctl_text.h. */
#define WORKER_CONNS_COLUMNS \
	"id:s\tclient:s\tserver:s\tprotocol:s\tstate:s\trequest:s\tage:m\tqueued:b"

/* A row for each; those that there is no room for are left out, and -EMSGSIZE or -ENOMEM said. */
MUST_USE int worker_conns_write(const struct server *server, unsigned slot, struct buf *out);
/* Closes the one that a row's id has this tag of; false: there is none. */
bool worker_conns_kill(struct server *server, uint32_t tag);

#endif
