#ifndef WEIR_DAEMON_HUB_LINK_H
#define WEIR_DAEMON_HUB_LINK_H
/*
 * hub_link.h - a worker's end of the hub: out goes what is published here, in
 * comes what other workers have published and somebody here wants. Nothing in
 * here blocks or fails: without a hub, or with one that cannot keep up,
 * publications do not reach other workers, and are counted.
 *
 * Which keys are wanted is its owner's to know: when a hub comes, the owner is
 * asked for all of them, and in between it says what changes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "daemon/hub_losses.h"
#include "daemon/hub_pipe.h"
#include "io/block.h"

struct hub_link;
struct log;
struct loop;

/* Called on the loop's stack, but wanted(), by hub_link_connect(). They may call back into the link. */
struct hub_link_ops {
	/* Another worker has published it. The views are good until it returns. */
	void (*arrived)(void *arg, weir_str scope, weir_str name, bool is_binary, weir_str bytes);
	/* So many of other workers will not arrive: we took them too slowly. */
	void (*lost)(void *arg, uint64_t n);
	/* Calls hub_link_want() for every key that is wanted. */
	void (*wanted)(void *arg, struct hub_link *link);
};

struct hub_link {
	const struct log *log; /* borrowed */
	const struct hub_link_ops *ops;
	void *arg;
	struct block_pool pool; /* its own: the connections' budget is not for it */
	struct hub_pipe pipe;
	uint64_t n_alone; /* publications without a hub, or that were with it when it died */
	struct hub_losses too_fast; /* publications that the hub did not take in time */
};

/* max_bytes: of a publication. */
void hub_link_init(struct hub_link *link, struct loop *loop, const struct log *log,
		   size_t max_bytes, const struct hub_link_ops *ops, void *arg);
/* Sends what it can at once, and closes. */
void hub_link_done(struct hub_link *link);

/* There is a hub, perhaps in place of a former one: wanted() is called. */
void hub_link_connect(struct hub_link *link, int take_fd);

/* From now on, or no more. Without a hub nothing happens: wanted() will say it to the next one. */
void hub_link_want(struct hub_link *link, weir_str scope, weir_str name, bool is_prefix,
		   bool is_wanted);

/*
 * To all other workers that want it, at the end of this turn. -EMSGSIZE: it is
 * longer than max_bytes, or its name or scope than HUB_WIRE_KEY_MAX. It is no
 * error that it does not get there.
 */
MUST_USE int hub_link_publish(struct hub_link *link, weir_str scope, weir_str name, bool is_binary,
			      weir_str bytes);

#endif
