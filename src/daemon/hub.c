/* hub.c - see hub.h. What a worker sends may be anything: it costs that worker its pipe, and nobody else. */
#include "daemon/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/hub_losses.h"
#include "daemon/hub_pipe.h"

/* 1 MiB of blocks at hand, for all workers together. */
#define MAX_UNUSED_BLOCKS 64

struct hub_worker {
	struct hub *hub; /* borrowed */
	unsigned slot;
	struct hub_pipe pipe;
	struct hub_losses losses; /* publications it was too slow for */
};

static struct hub_worker *worker_of(struct hub_pipe *pipe)
{
	return container_of(pipe, struct hub_worker, pipe);
}

/* ---- what workers say */

static void forward(struct hub_worker *to, const struct hub_message *message)
{
	if (!hub_pipe_is_open(&to->pipe) || hub_pipe_publish(&to->pipe, message))
		return;
	/* One that has died loses nothing: its last words are still being read. */
	if (!to->pipe.is_deaf)
		hub_losses_add(&to->losses, 1);
}

static void publish(struct hub_worker *from, const struct hub_message *message)
{
	struct hub *hub = from->hub;
	const uint64_t *wanted = hub_routes_find(&hub->routes, message->scope, message->name);

	for (size_t i = 0; i < hub->routes.n_words; i++) {
		for (uint64_t left = wanted[i]; left != 0; left &= left - 1) {
			size_t slot = i * 64 + (size_t)__builtin_ctzll(left);

			if (slot != from->slot)
				forward(&hub->workers[slot], message);
		}
	}
}

static struct hub_key key_of(const struct hub_message *m)
{
	return (struct hub_key){ .scope = m->scope, .name = m->name, .is_prefix = m->is_prefix };
}

static void close_worker(struct hub_worker *w)
{
	hub_pipe_close(&w->pipe);
	hub_routes_forget(&w->hub->routes, w->slot);
	w->hub->n_open--;
}

static void on_closed(struct hub_pipe *pipe, int error)
{
	struct hub_worker *w = worker_of(pipe);

	close_worker(w);
	if (error == -EPROTO)
		log_write(w->hub->log, LOG_AT_ERROR,
			  "worker %u sends what makes no sense: the link to it is closed", w->slot);
	else if (error == -ENOMEM)
		w->hub->ops->failed(w->hub, error);
	else if (error < 0)
		log_write(w->hub->log, LOG_AT_ERROR, "the link to worker %u is closed: %s", w->slot,
			  strerror(-error));
	if (w->hub->n_open == 0)
		w->hub->ops->idle(w->hub);
}

static void on_message(struct hub_pipe *pipe, const struct hub_message *message)
{
	struct hub_worker *w = worker_of(pipe);
	struct hub_key key = key_of(message);

	switch (message->type) {
	case HUB_PUBLISH:
		publish(w, message);
		return;
	case HUB_WANT:
		if (hub_routes_want(&w->hub->routes, w->slot, &key) < 0)
			w->hub->ops->failed(w->hub, -ENOMEM);
		return;
	case HUB_UNWANT:
		hub_routes_unwant(&w->hub->routes, w->slot, &key);
		return;
	case HUB_LOST:
		hub_pipe_close(pipe); /* it is for us to say */
		on_closed(pipe, -EPROTO);
		return;
	}
}

static void on_caught_up(struct hub_pipe *pipe, uint64_t n_dropped)
{
	struct hub_message lost = { .type = HUB_LOST, .n_lost = n_dropped };

	/* Without memory it is not told; the log is. */
	(void)!hub_pipe_put(pipe, &lost);
}

static const struct hub_pipe_ops pipe_ops = { on_message, on_caught_up, on_closed };

/* ---- life */

int hub_init(struct hub *hub, struct loop *loop, const struct log *log, unsigned n_slots,
	     size_t max_bytes, const struct hub_ops *ops)
{
	int r;

	*hub = (struct hub){ .loop = loop, .log = log, .ops = ops };
	block_pool_init(&hub->pool, MAX_UNUSED_BLOCKS);
	r = hub_routes_init(&hub->routes, n_slots);
	if (r < 0)
		return r;
	hub->workers = calloc(n_slots, sizeof(*hub->workers));
	if (!hub->workers) {
		hub_routes_done(&hub->routes);
		return -ENOMEM;
	}
	hub->n_slots = n_slots;
	for (unsigned i = 0; i < n_slots; i++) {
		struct hub_worker *w = &hub->workers[i];

		w->hub = hub;
		w->slot = i;
		hub_pipe_init(&w->pipe, loop, &hub->pool, max_bytes, &pipe_ops);
		hub_losses_init(&w->losses, loop, log,
				"publications were not sent to worker %u: it takes them too slowly",
				i);
	}
	return 0;
}

void hub_done(struct hub *hub)
{
	for (unsigned i = 0; i < hub->n_slots; i++) {
		hub_pipe_close(&hub->workers[i].pipe);
		hub_losses_done(&hub->workers[i].losses);
	}
	free(hub->workers);
	hub_routes_done(&hub->routes);
	block_pool_done(&hub->pool);
	*hub = (struct hub){ 0 };
}

void hub_connect(struct hub *hub, unsigned slot, int take_fd)
{
	struct hub_worker *w;

	if (slot >= hub->n_slots) {
		(void)close(take_fd);
		return;
	}
	w = &hub->workers[slot];
	if (hub_pipe_is_open(&w->pipe))
		close_worker(w);
	hub_pipe_open(&w->pipe, take_fd);
	hub->n_open++;
}
