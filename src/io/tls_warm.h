#ifndef WEIR_IO_TLS_WARM_H
#define WEIR_IO_TLS_WARM_H
/*
 * tls_warm.h - which connections keep the buffers of their records, two of 17 KiB:
 * those that were used last. For each request to be made and freed they would take a
 * tenth of its instructions; on all that are idle they would take the memory.
 */
#include <stdbool.h>

#include "base/list.h"

struct ssl_st;

#define TLS_WARM_MAX 64u

/* Of one context; in the order of their use. */
struct tls_warm {
	struct list order;
	unsigned n;
};

/* A connection's part; zeros but for ssl are fine. */
struct tls_warm_seat {
	struct list link;
	struct ssl_st *ssl; /* borrowed */
	bool is_taken;
};

void tls_warm_init(struct tls_warm *warm);
/* It is about to be used. Of more than there is room for, the one that was used first gives its buffers back. */
void tls_warm_take(struct tls_warm *warm, struct tls_warm_seat *seat);
/* It ends. */
void tls_warm_leave(struct tls_warm *warm, struct tls_warm_seat *seat);

#endif
