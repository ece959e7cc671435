/*
 * hub_link.c - see hub_link.h. How many publications died with a hub nobody
 * knows: those that it had received may have arrived. Counted are those that
 * had not left, which is all of the turn when it died; and one, if it is known that it
 * has not read all.
 */
#include "daemon/hub_link.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define MAX_UNUSED_BLOCKS 4

static struct hub_link *link_of(struct hub_pipe *pipe)
{
	return container_of(pipe, struct hub_link, pipe);
}

/* ---- the hub speaks */

/* The owner of a key is asked for it again when the next hub comes. */
static void lose_hub(struct hub_link *link)
{
	hub_pipe_close(&link->pipe);
	link->n_alone += link->pipe.n_in_queue;
	link->pipe.n_in_queue = 0;
}

static void on_closed(struct hub_pipe *pipe, int error)
{
	struct hub_link *link = link_of(pipe);

	lose_hub(link);
	if (error == -EPROTO)
		log_write(link->log, LOG_AT_ERROR,
			  "the hub sends what makes no sense: the link to it is closed");
	else if (error < 0)
		log_write(link->log, LOG_AT_ERROR, "the link to the hub is closed: %s",
			  strerror(-error));
}

static void on_message(struct hub_pipe *pipe, const struct hub_message *m)
{
	struct hub_link *link = link_of(pipe);

	if (m->type == HUB_PUBLISH) {
		link->ops->arrived(link->arg, m->scope, m->name, m->is_binary, m->bytes);
	} else if (m->type == HUB_LOST) {
		link->ops->lost(link->arg, m->n_lost);
	} else {
		hub_pipe_close(pipe);
		on_closed(pipe, -EPROTO);
	}
}

static void on_caught_up(struct hub_pipe *pipe, uint64_t n_dropped)
{
	/* Each was counted when it was dropped. */
}

static const struct hub_pipe_ops pipe_ops = { on_message, on_caught_up, on_closed };

/* ---- the worker speaks */

void hub_link_want(struct hub_link *link, weir_str scope, weir_str name, bool is_prefix,
		   bool is_wanted)
{
	struct hub_message m = { .type = is_wanted ? HUB_WANT : HUB_UNWANT,
				 .is_prefix = is_prefix,
				 .scope = scope,
				 .name = name };
	int r;

	if (!hub_pipe_is_open(&link->pipe))
		return;
	r = hub_pipe_put(&link->pipe, &m);
	/* What the hub does not know of would never arrive, and nobody would be told. */
	if (r < 0) {
		log_write(link->log, LOG_AT_ERROR,
			  "cannot tell the hub what is wanted here: the link to it is closed: %s",
			  strerror(-r));
		lose_hub(link);
	}
}

int hub_link_publish(struct hub_link *link, weir_str scope, weir_str name, bool is_binary,
		     weir_str bytes)
{
	struct hub_message m = { .type = HUB_PUBLISH,
				 .is_binary = is_binary,
				 .scope = scope,
				 .name = name,
				 .bytes = bytes };

	if (scope.len > HUB_WIRE_KEY_MAX || name.len > HUB_WIRE_KEY_MAX ||
	    bytes.len > link->pipe.max_bytes)
		return -EMSGSIZE;
	if (!hub_pipe_is_open(&link->pipe) || link->pipe.is_deaf)
		link->n_alone++;
	else if (!hub_pipe_publish(&link->pipe, &m))
		hub_losses_add(&link->too_fast, 1);
	return 0;
}

/* ---- life */

static void say_alone(struct hub_link *link, const char *when)
{
	if (link->n_alone > 0)
		log_write(link->log, LOG_AT_WARN,
			  "%s: %llu publications or more did not reach other workers", when,
			  (unsigned long long)link->n_alone);
	link->n_alone = 0;
}

void hub_link_init(struct hub_link *link, struct loop *loop, const struct log *log,
		   size_t max_bytes, const struct hub_link_ops *ops, void *arg)
{
	*link = (struct hub_link){ .log = log, .ops = ops, .arg = arg };
	block_pool_init(&link->pool, MAX_UNUSED_BLOCKS);
	hub_pipe_init(&link->pipe, loop, &link->pool, max_bytes, &pipe_ops);
	hub_losses_init(&link->too_fast, loop, log,
			"publications did not reach other workers: the hub takes them too slowly");
}

void hub_link_done(struct hub_link *link)
{
	hub_pipe_flush(&link->pipe);
	lose_hub(link);
	say_alone(link, "there is no hub");
	hub_losses_done(&link->too_fast);
	block_pool_done(&link->pool);
}

void hub_link_connect(struct hub_link *link, int take_fd)
{
	lose_hub(link);
	hub_pipe_open(&link->pipe, take_fd);
	say_alone(link, "there is a hub again");
	link->ops->wanted(link->arg, link);
}
