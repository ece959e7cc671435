#ifndef WEIR_DAEMON_HUB_H
#define WEIR_DAEMON_HUB_H
/*
 * hub.h - carries publications between workers: what one of them publishes
 * goes to all others that want it. It has a pipe to each worker, and waits for
 * none of them: who does not take its publications fast enough loses some,
 * and is told how many.
 *
 * The process around it is hub_process.h.
 */
#include <stddef.h>

#include "base/macro.h"
#include "daemon/hub_routes.h"
#include "io/block.h"

struct hub;
struct hub_worker;
struct log;
struct loop;

struct hub_ops {
	/* The last worker has gone. */
	void (*idle)(struct hub *hub);
	/* -ENOMEM: it knows not any more who wants what, and has to begin anew. */
	void (*failed)(struct hub *hub, int error);
};

struct hub {
	struct loop *loop;     /* borrowed */
	const struct log *log; /* borrowed */
	const struct hub_ops *ops;
	struct block_pool pool;
	struct hub_routes routes;
	struct hub_worker *workers; /* owned, n_slots of them */
	unsigned n_slots;
	unsigned n_open; /* workers with a pipe */
};

/* max_bytes: of a publication. -ENOMEM. */
MUST_USE int hub_init(struct hub *hub, struct loop *loop, const struct log *log, unsigned n_slots,
		      size_t max_bytes, const struct hub_ops *ops);
/* All pipes are closed. */
void hub_done(struct hub *hub);

/* The worker in this slot is new, or its former pipe is not good any more. */
void hub_connect(struct hub *hub, unsigned slot, int take_fd);

#endif
