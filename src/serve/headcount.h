#ifndef WEIR_SERVE_HEADCOUNT_H
#define WEIR_SERVE_HEADCOUNT_H
/*
 * headcount.h - how many connections there are in all workers together, and from
 * each address. In memory that all of them share: each writes a row of its own, and
 * adds up those of all. So no worker waits for another, and one that dies takes its
 * row along: the next that starts clears it.
 *
 * IPv6 is counted by /64, which is what one customer is given.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/inet.h"
#include "base/macro.h"
#include "base/siphash.h"

struct headcount_row;
struct headcount_rows;

struct headcount {
	struct headcount_rows *rows; /* owned; NULL: not made */
	size_t size;		     /* of all rows */
	unsigned n_rows;
	unsigned n_cells; /* of a row, a power of two; 0: addresses are not counted */
	struct siphash_key secret;
	unsigned max_all, max_address; /* 0: no limit */
	struct headcount_row *own;     /* this worker's; NULL: none */
};

/*
 * Before the workers are forked, for so many at the same time. n_addresses: of how many
 * addresses a worker may have connections; beyond about that, some are not counted.
 * -ENOMEM.
 */
MUST_USE int headcount_init(struct headcount *h, unsigned n_rows, unsigned n_addresses);
/* Zeroed is fine. */
void headcount_done(struct headcount *h);

/* A worker starts: rows of the dead are cleared, and one is its own. -EBUSY: none is free. */
MUST_USE int headcount_join(struct headcount *h);
/* It ends; its connections have gone. */
void headcount_leave(struct headcount *h);

/*
 * One more, of a peer as sock_name() writes it. FAULT_NONE: it is counted, and *ret_label is
 * for headcount_drop(); else the limit that it would be beyond. Without an address, or if
 * has_address says that it is nobody's, it only counts among all.
 */
enum fault headcount_add(struct headcount *h, weir_str peer, bool has_address, unsigned *ret_label);
void headcount_drop(struct headcount *h, unsigned label);

/* All connections of all workers. */
unsigned headcount_all(const struct headcount *h);
/* And from that peer's address. */
unsigned headcount_from(const struct headcount *h, weir_str peer);

/* What counts as one: of IPv6 its first 64 bits. -EINVAL: it has no address. */
MUST_USE int headcount_client(weir_str peer, struct inet *ret_inet);

#endif
