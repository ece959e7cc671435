/*
 * worker_hub.c - see worker_hub.h. What the topics want and publish goes to
 * the hub, what comes from there to the topics. Neither calls back in the middle
 * of a call of the other: topics say so, and the link speaks only from the loop.
 */
#include "daemon/worker_hub.h"

#include "app/site.h"
#include "io/ipc.h"
#include "io/loop.h"
#include "serve/topics.h"

/* ---- from the hub */

static void on_arrived(void *arg, weir_str scope, weir_str name, bool is_binary, weir_str bytes)
{
	struct worker_hub *hub = arg;
	struct publication_view view = { .scope = scope,
					 .name = name,
					 .bytes = bytes,
					 .is_binary = is_binary,
					 .published_ms = loop_now_ms(hub->loop) };

	if (hub->topics && topics_deliver(hub->topics, &view) < 0)
		topics_note_lost(hub->topics, 1);
}

static void on_lost(void *arg, uint64_t n)
{
	struct worker_hub *hub = arg;

	if (hub->topics)
		topics_note_lost(hub->topics, n);
}

static void on_connected(void *arg, struct hub_link *link)
{
	const struct worker_hub *hub = arg;
	struct topic *topic = NULL;

	while (hub->topics && (topic = topics_next(hub->topics, topic)))
		hub_link_want(link, topic->key.scope, topic->key.name, topic->key.is_prefix, true);
}

static const struct hub_link_ops ops = { on_arrived, on_lost, on_connected };

/* ---- to the hub */

static void on_wanted(void *arg, const struct topic_key *key, bool is_wanted)
{
	struct worker_hub *hub = arg;

	hub_link_want(&hub->link, key->scope, key->name, key->is_prefix, is_wanted);
}

static void on_published(void *arg, const struct publication_view *view)
{
	struct worker_hub *hub = arg;

	if (hub_link_publish(&hub->link, view->scope, view->name, view->is_binary, view->bytes) < 0)
		hub->topics->n_lost++;
}

/* ---- */

void worker_hub_init(struct worker_hub *hub, struct loop *loop, const struct log *log,
		     size_t max_publication)
{
	*hub = (struct worker_hub){ .loop = loop };
	hub_link_init(&hub->link, loop, log, max_publication, &ops, hub);
	job_link_init(&hub->jobs, loop, log);
}

void worker_hub_done(struct worker_hub *hub)
{
	job_link_done(&hub->jobs);
	hub_link_done(&hub->link);
}

void worker_hub_serve(struct worker_hub *hub, struct site *site)
{
	hub->topics = site ? site->topics : NULL;
	if (!site) {
		job_link_done(&hub->jobs);
		return;
	}
	site->jobs = &hub->jobs.carrier;
	if (site->topics)
		site->topics->hooks = (struct topics_hooks){ .wanted = on_wanted,
							     .publish_out = on_published,
							     .arg = hub };
}

void worker_hub_meet(struct worker_hub *hub, const struct ipc_message *message)
{
	if (message->n_fds > 0)
		hub_link_connect(&hub->link, message->fds[0]);
	if (message->n_fds > 1)
		job_link_connect(&hub->jobs, message->fds[1]);
	for (size_t i = 2; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
}
