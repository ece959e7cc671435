#ifndef WEIR_SERVE_RELIEF_H
#define WEIR_SERVE_RELIEF_H
/*
 * relief.h - what happens when a worker's buffers, pinned and queued, exceed
 * their budget: the slowest pays. Embedded in the server.
 */
#include <stdbool.h>
#include <stdint.h>

#include "io/block.h"
#include "io/loop.h"

struct server;

struct relief {
	struct server *server; /* borrowed */
	struct loop_defer run; /* the budget is exceeded: at the end of this turn */
	bool is_short;	       /* and nobody is left who could pay */
	int64_t said_ms;       /* when the log was last told so */
	uint64_t n_paid;       /* connections closed, or refused, for their buffers */
};

/* budget: in bytes, of all blocks of the server's pool; 0: none. */
void relief_init(struct relief *relief, struct server *server, size_t budget);
void relief_done(struct relief *relief);

/* Handlers hold all of the budget: must a request that comes now be refused? */
bool relief_is_needed(struct relief *relief);

#endif
