/*
 * chan.c - a ring, and two queues of tasks of which at least one is empty:
 * senders wait only when the ring is full, receivers only when it is empty. An
 * item for a waiting receiver is copied right into its variable; whoever is
 * woken has its result already, so that nothing is lost when it is cancelled
 * before it runs.
 */
#include "coro/chan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "coro/task.h"
#include "coro/wait.h"

struct chan {
	unsigned n_refs;
	bool is_closed;
	size_t item_size, capacity;
	size_t first, n; /* of the ring, in items */
	struct list senders, receivers;
	char items[];
};

struct chan_waiter {
	struct wait wait;
	void *item; /* the sender's, to be read; the receiver's, to be written */
	int result; /* when it is woken */
};

struct chan *chan_open(size_t item_size, size_t capacity)
{
	struct chan *ch;
	size_t size;

	if (__builtin_mul_overflow(item_size, capacity, &size) ||
	    __builtin_add_overflow(size, sizeof(*ch), &size))
		return NULL;
	ch = calloc(1, size);
	if (!ch)
		return NULL;
	ch->n_refs = 1;
	ch->item_size = item_size;
	ch->capacity = capacity;
	list_init(&ch->senders);
	list_init(&ch->receivers);
	return ch;
}

struct chan *chan_ref(struct chan *ch)
{
	ch->n_refs++;
	return ch;
}

void chan_unref(struct chan *ch)
{
	if (ch && --ch->n_refs == 0)
		free(ch);
}

static void ring_push(struct chan *ch, const void *item)
{
	size_t at = ch->first + ch->n++;

	if (at >= ch->capacity)
		at -= ch->capacity;
	memcpy(ch->items + at * ch->item_size, item, ch->item_size);
}

static void ring_pop(struct chan *ch, void *ret_item)
{
	memcpy(ret_item, ch->items + ch->first * ch->item_size, ch->item_size);
	ch->n--;
	if (++ch->first >= ch->capacity)
		ch->first = 0;
}

static struct chan_waiter *waiter_first(struct list *queue)
{
	return list_is_empty(queue) ? NULL : list_entry(queue->next, struct chan_waiter, wait.link);
}

static void waiter_end(struct chan_waiter *w, int result)
{
	w->result = result;
	wait_wake(&w->wait);
}

/* The channel stays while somebody waits in it, whoever drops it meanwhile. */
static int chan_wait(struct chan *ch, struct list *queue, void *item)
{
	struct chan_waiter me = { .item = item };
	int r;

	wait_init(&me.wait);
	list_add_tail(queue, &me.wait.link);
	(void)chan_ref(ch);
	r = wait_park_checked(&me.wait);
	chan_unref(ch);
	return r < 0 ? r : me.result;
}

static int chan_check(const struct chan *ch, size_t size)
{
	return size == ch->item_size ? task_check() : -EINVAL;
}

int chan_send(struct chan *ch, const void *item, size_t size)
{
	struct chan_waiter *receiver;
	int r;

	r = chan_check(ch, size);
	if (r < 0)
		return r;
	if (ch->is_closed)
		return -EPIPE;
	receiver = waiter_first(&ch->receivers);
	if (receiver) {
		memcpy(receiver->item, item, size);
		waiter_end(receiver, 1);
		return 0;
	}
	if (ch->n == ch->capacity)
		return chan_wait(ch, &ch->senders, (void *)(uintptr_t)item);
	ring_push(ch, item);
	return 0;
}

int chan_recv(struct chan *ch, void *ret_item, size_t size)
{
	struct chan_waiter *sender;
	int r;

	r = chan_check(ch, size);
	if (r < 0)
		return r;
	sender = waiter_first(&ch->senders);
	if (ch->n > 0) {
		ring_pop(ch, ret_item);
		if (sender)
			ring_push(ch, sender->item);
	} else if (sender) {
		memcpy(ret_item, sender->item, size);
	} else {
		return ch->is_closed ? 0 : chan_wait(ch, &ch->receivers, ret_item);
	}
	if (sender)
		waiter_end(sender, 0);
	return 1;
}

void chan_close(struct chan *ch)
{
	struct chan_waiter *w;

	ch->is_closed = true;
	while ((w = waiter_first(&ch->senders)))
		waiter_end(w, -EPIPE);
	while ((w = waiter_first(&ch->receivers)))
		waiter_end(w, 0);
}
