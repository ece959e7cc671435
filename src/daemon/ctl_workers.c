/* ctl_workers.c - see ctl_workers.h. */
#include "daemon/ctl_workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/loop.h"

struct ctl_pipe {
	struct ctl_workers *workers; /* borrowed */
	unsigned slot;
	int fd; /* owned; -1: none */
	ev_io watcher;
};

static void pipe_close(struct ctl_pipe *p)
{
	if (p->fd < 0)
		return;
	ev_io_stop(loop_ev(p->workers->loop), &p->watcher);
	(void)close(p->fd);
	p->fd = -1;
}

static bool is_asked(const struct ctl_ask *ask)
{
	return ask->link.next && !list_is_empty(&ask->link);
}

static void finish(struct ctl_workers *w, struct ctl_ask *ask)
{
	ctl_workers_forget(w, ask);
	ask->ops->done(ask);
}

static void on_late(struct timer *timer)
{
	struct ctl_ask *ask = container_of(timer, struct ctl_ask, timer);

	list_del(&ask->link);
	ask->ops->done(ask);
}

/* No answer will come from there. */
static void give_up(struct ctl_workers *w, struct ctl_ask *ask, unsigned slot)
{
	ask->hopeful[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	if (--ask->n_left == 0)
		finish(w, ask);
}

/* It is dead, or talks nonsense. */
static void on_lost(struct ctl_pipe *p)
{
	uint64_t bit = UINT64_C(1) << p->slot % 64;

	pipe_close(p);
	list_for_each_safe (link, &p->workers->asks) {
		struct ctl_ask *ask = list_entry(link, struct ctl_ask, link);

		if (ask->hopeful[p->slot / 64] & bit)
			give_up(p->workers, ask, p->slot);
	}
}

/* What was asked of it before it was there. */
static void ask_late(struct ctl_pipe *p)
{
	uint64_t bit = UINT64_C(1) << p->slot % 64;

	list_for_each_safe (link, &p->workers->asks) {
		struct ctl_ask *ask = list_entry(link, struct ctl_ask, link);

		if (!(ask->unmet[p->slot / 64] & bit))
			continue;
		ask->unmet[p->slot / 64] &= ~bit;
		if (ctl_wire_ask(p->fd, ask->word, ask->number, ask->value) < 0)
			give_up(p->workers, ask, p->slot);
	}
}

/* ---- answers */

static struct ctl_ask *find(struct ctl_workers *w, uint32_t number)
{
	list_for_each (link, &w->asks) {
		struct ctl_ask *ask = list_entry(link, struct ctl_ask, link);

		if (ask->number == number)
			return ask;
	}
	return NULL;
}

static void on_answer(struct ctl_pipe *p, struct ipc_message *message)
{
	struct ctl_ask *ask = find(p->workers, message->number);
	uint64_t bit = UINT64_C(1) << p->slot % 64;
	struct buf bytes;

	buf_init(&bytes, 2 * CTL_WIRE_MAX);
	if (ask && (ask->hopeful[p->slot / 64] & bit) && ctl_wire_bytes(message, &bytes) >= 0) {
		ask->hopeful[p->slot / 64] &= ~bit;
		ask->missing[p->slot / 64] &= ~bit;
		ask->n_left--;
		ask->ops->answered(ask, p->slot, buf_str(&bytes));
		if (ask->n_left == 0)
			finish(p->workers, ask);
	}
	buf_done(&bytes);
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct ctl_pipe *p = container_of(watcher, struct ctl_pipe, watcher);
	struct ipc_message message;
	int r;

	r = ctl_wire_receive(p->fd, &message);
	if (r == -EAGAIN)
		return;
	if (r == 1 && message.type == CTL_ANSWER)
		on_answer(p, &message);
	else
		on_lost(p);
}

/* ---- questions */

void ctl_workers_begin(struct ctl_workers *w, struct ctl_ask *ask, enum ctl_word word,
		       uint32_t value)
{
	const struct ctl_ask_ops *ops = ask->ops;

	*ask = (struct ctl_ask){
		.ops = ops, .number = ++w->last_number, .word = word, .value = value
	};
	list_init(&ask->link);
	list_add_tail(&w->asks, &ask->link);
	timer_init(&ask->timer, on_late);
}

void ctl_workers_ask(struct ctl_workers *w, struct ctl_ask *ask, unsigned slot)
{
	uint64_t bit = UINT64_C(1) << slot % 64;

	if (slot >= w->n)
		return;
	ask->missing[slot / 64] |= bit;
	if (w->pipes[slot].fd < 0)
		ask->unmet[slot / 64] |= bit;
	else if (ctl_wire_ask(w->pipes[slot].fd, ask->word, ask->number, ask->value) < 0)
		return;
	ask->hopeful[slot / 64] |= bit;
	ask->n_left++;
}

/* If nobody could be asked, it is over at once, but not before the caller has gone on. */
void ctl_workers_wait(struct ctl_workers *w, struct ctl_ask *ask, int64_t patience_ms)
{
	loop_update_now(w->loop);
	loop_timer_start(w->loop, &ask->timer,
			 loop_now_ms(w->loop) + (ask->n_left > 0 ? patience_ms : 0));
}

void ctl_workers_forget(struct ctl_workers *w, struct ctl_ask *ask)
{
	if (!is_asked(ask))
		return;
	list_del(&ask->link);
	loop_timer_stop(w->loop, &ask->timer);
}

/* ---- life */

int ctl_workers_init(struct ctl_workers *w, struct loop *loop, unsigned n)
{
	*w = (struct ctl_workers){ .loop = loop };
	list_init(&w->asks);
	if (n > CTL_WORKERS_MAX)
		n = CTL_WORKERS_MAX;
	w->pipes = calloc(n ? n : 1, sizeof(*w->pipes));
	if (!w->pipes)
		return -ENOMEM;
	w->n = n;
	for (unsigned i = 0; i < n; i++) {
		w->pipes[i].workers = w;
		w->pipes[i].slot = i;
		w->pipes[i].fd = -1;
	}
	return 0;
}

void ctl_workers_done(struct ctl_workers *w)
{
	for (unsigned i = 0; i < w->n; i++)
		pipe_close(&w->pipes[i]);
	free(w->pipes);
	w->pipes = NULL;
	w->n = 0;
}

void ctl_workers_meet(struct ctl_workers *w, unsigned slot, int take_fd)
{
	struct ctl_pipe *p;

	if (slot >= w->n) {
		(void)close(take_fd);
		return;
	}
	p = &w->pipes[slot];
	if (p->fd >= 0)
		on_lost(p);
	p->fd = take_fd;
	ev_io_init(&p->watcher, on_readable, take_fd, EV_READ);
	ev_io_start(loop_ev(w->loop), &p->watcher);
	ask_late(p);
}
