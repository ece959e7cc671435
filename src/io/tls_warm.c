/* tls_warm.c - see tls_warm.h. Buffers that hold something stay, whoever has them. */
#include "io/tls_warm.h"

#include <openssl/ssl.h>

#include "base/macro.h"

void tls_warm_init(struct tls_warm *warm)
{
	list_init(&warm->order);
	warm->n = 0;
}

static APART void free_first(struct tls_warm *warm)
{
	struct tls_warm_seat *first = list_entry(warm->order.next, struct tls_warm_seat, link);

	(void)SSL_free_buffers(first->ssl); /* not if half a record is in them */
	tls_warm_leave(warm, first);
}

void tls_warm_take(struct tls_warm *warm, struct tls_warm_seat *seat)
{
	if (seat->is_taken) {
		list_move_tail(&warm->order, &seat->link);
		return;
	}
	if (warm->n == TLS_WARM_MAX)
		free_first(warm);
	list_add_tail(&warm->order, &seat->link);
	seat->is_taken = true;
	warm->n++;
}

void tls_warm_leave(struct tls_warm *warm, struct tls_warm_seat *seat)
{
	if (!seat->is_taken)
		return;
	list_del(&seat->link);
	seat->is_taken = false;
	warm->n--;
}
