#ifndef WEIR_CORO_CHAN_H
#define WEIR_CORO_CHAN_H
/*
 * chan.h - a bounded queue of items of one size, between tasks of one worker.
 * With a capacity of 0 a sender waits for its receiver. Senders are served in
 * call order, and receivers too.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

struct chan;

/* One reference. NULL: no memory, or more than SIZE_MAX bytes. */
struct chan *chan_open(size_t item_size, size_t capacity);
struct chan *chan_ref(struct chan *ch);
/* The last one frees it and what is in it; NULL is fine. */
void chan_unref(struct chan *ch);

/*
 * The item is copied. size must be the channel's: -EINVAL. -EPIPE once closed,
 * -ECANCELED, -ETIMEDOUT, -EDEADLK: it was not sent.
 */
MUST_USE int chan_send(struct chan *ch, const void *item, size_t size);
/* 1 and an item; 0 once closed and empty; else as above, and nothing was lost. */
MUST_USE int chan_recv(struct chan *ch, void *ret_item, size_t size);
/* Who waits to send gets -EPIPE, who waits to receive 0. Twice is once. */
void chan_close(struct chan *ch);

#endif
