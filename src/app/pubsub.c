/*
 * pubsub.c - weir/pubsub.h: a subscription is a subscriber of the worker's
 * topics (serve/topics) where a task may wait, or which a session relays. It
 * belongs to a request's list, and goes to the session's when it is relayed.
 */
#include "app/pubsub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <weir/ws.h>

#include "app/module.h"
#include "app/req.h"
#include "app/site.h"
#include "app/ws.h"
#include "base/str.h"
#include "serve/publication.h"
#include "serve/subscriber.h"
#include "serve/topics.h"
#include "serve/ws_relay.h"

#define USUAL_QUEUE 64

/* The public weir_sub. */
struct weir_sub {
	struct subscriber subscriber;
	struct weir_sub **list;	  /* that it is in */
	struct weir_sub *next;	  /* in it */
	struct publication *last; /* owned: what weir_sub_next() gave; NULL: nothing yet */
	union {
		struct wait waiting;   /* a task in weir_sub_next() */
		struct ws_relay relay; /* if is_relayed */
	};
	bool is_relayed, is_receiving, is_over;
};

static void on_ready(struct subscriber *s)
{
	struct weir_sub *sub = container_of(s, struct weir_sub, subscriber);

	if (sub->is_relayed)
		ws_relay_ready(&sub->relay);
	else
		wait_wake(&sub->waiting);
}

/* ---- life */

static void link_to(struct weir_sub *sub, struct weir_sub **list)
{
	sub->list = list;
	sub->next = *list;
	*list = sub;
}

static void unlink_from(struct weir_sub *sub)
{
	struct weir_sub **at = sub->list;

	while (*at != sub)
		at = &(*at)->next;
	*at = sub->next;
}

static void free_sub(struct weir_sub *sub)
{
	(void)publication_unref(sub->last);
	free(sub);
}

/* Harmless on one that was. */
static void stop(struct weir_sub *sub)
{
	topics_unsubscribe(&sub->subscriber);
	if (sub->is_relayed)
		ws_relay_stop(&sub->relay);
	sub->is_over = true;
}

static void end(struct weir_sub *sub)
{
	unlink_from(sub);
	stop(sub);
	/* Who waits for it still reads it; it is freed there. */
	if (sub->is_receiving)
		wait_wake(&sub->waiting);
	else
		free_sub(sub);
}

void pubsub_end(struct weir_sub **subs)
{
	while (*subs)
		end(*subs);
}

void pubsub_stop(struct weir_sub *subs)
{
	for (struct weir_sub *sub = subs; sub; sub = sub->next)
		stop(sub);
}

static weir_str scope_of(const struct req *req, bool is_shared)
{
	return is_shared || !req->app ? WEIR_STR("") : weir_strz(req->app->name);
}

int weir_subscribe_with(weir_req *pub, weir_sub **ret_sub, const weir_sub_opts *given)
{
	struct req *req = req_of(pub);
	weir_sub_opts opts = { .size = 0 };
	struct topics_limit limit;
	struct topic_key key;
	struct weir_sub *sub;
	int r;

	/* They may be those of an older header. */
	memcpy(&opts, given, given->size < sizeof(opts) ? given->size : sizeof(opts));
	if (!req->site->topics)
		return -EOPNOTSUPP;
	if (opts.topic.len == 0 && !opts.prefix)
		return -EINVAL;
	sub = calloc(1, sizeof(*sub));
	if (!sub)
		return -ENOMEM;
	subscriber_init(&sub->subscriber, on_ready);
	key = (struct topic_key){ .scope = scope_of(req, opts.shared),
				  .name = opts.topic,
				  .is_prefix = opts.prefix };
	limit = (struct topics_limit){ .queue = opts.queue ? opts.queue : USUAL_QUEUE,
				       .ends_if_slow = opts.end_if_slow };
	r = topics_subscribe(req->site->topics, &sub->subscriber, &key, &limit);
	if (r < 0) {
		free(sub);
		return r;
	}
	link_to(sub, &req->subs);
	*ret_sub = sub;
	return 0;
}

void weir_unsubscribe(weir_sub *sub)
{
	if (sub)
		end(sub);
}

int pubsub_relay(struct weir_sub *sub, struct ws_session *session, struct weir_sub **subs)
{
	int r;

	if (sub->is_relayed || sub->is_receiving)
		return -EBUSY;
	r = ws_relay_start(&sub->relay, session, &sub->subscriber);
	if (r < 0)
		return r;
	unlink_from(sub);
	link_to(sub, subs);
	sub->is_relayed = true;
	return 0;
}

int weir_ws_relay(weir_ws *ws, weir_sub *sub, uint32_t flags)
{
	if (flags != 0)
		return -EINVAL;
	if (ws->session.state != WS_OPEN)
		return -EPIPE;
	return pubsub_relay(sub, &ws->session, &ws->subs);
}

/* ---- receiving */

/* 1 and the next one; 0: it has to be waited for; -EPIPE: there will be none. */
static int take(struct weir_sub *sub, weir_str *ret_message)
{
	struct publication *p;

	if (sub->is_over)
		return -EPIPE;
	p = subscriber_next(&sub->subscriber);
	if (!p)
		return subscriber_is_ended(&sub->subscriber) ? -EPIPE : 0;
	sub->last = p;
	*ret_message = p->view.bytes;
	return 1;
}

int pubsub_hold(struct weir_sub *sub)
{
	if (sub->is_relayed || sub->is_receiving)
		return -EBUSY;
	sub->is_receiving = true;
	return 0;
}

void pubsub_release(struct weir_sub *sub)
{
	sub->is_receiving = false;
	if (sub->is_over)
		free_sub(sub);
}

void pubsub_nudge(struct weir_sub *sub)
{
	wait_wake(&sub->waiting);
}

int pubsub_next(struct weir_sub *sub, const bool *is_called, weir_str *ret_message)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	sub->last = publication_unref(sub->last);
	while ((r = take(sub, ret_message)) == 0 && !*is_called) {
		r = wait_park(&sub->waiting);
		if (r < 0)
			return r;
	}
	return r;
}

int weir_sub_next(weir_sub *sub, weir_str *ret_message)
{
	const bool is_called = false;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	r = pubsub_hold(sub);
	if (r < 0)
		return r;
	r = pubsub_next(sub, &is_called, ret_message);
	pubsub_release(sub);
	return r;
}

weir_str weir_sub_topic(const weir_sub *sub)
{
	return sub->last ? sub->last->view.name : (weir_str){ NULL, 0 };
}

bool weir_sub_is_text(const weir_sub *sub)
{
	return sub->last && !sub->last->view.is_binary;
}

uint64_t weir_sub_lost(const weir_sub *sub)
{
	return subscriber_lost(&sub->subscriber);
}

/* ---- publishing */

struct publish_call {
	struct topics *topics;
	struct publication_view view;
	int result;
};

static void publish_outside(void *arg)
{
	struct publish_call *call = arg;

	call->result = topics_publish(call->topics, &call->view);
}

int weir_publish(weir_req *pub, weir_str topic, weir_str message, uint32_t flags)
{
	const struct req *req = req_of(pub);
	const struct site *site = req->site;
	struct publish_call call = { .topics = site->topics };

	if (!site->topics)
		return -EOPNOTSUPP;
	if (topic.len == 0 || (flags & ~(uint32_t)(WEIR_BINARY | WEIR_SHARED)))
		return -EINVAL;
	if (site->max_publication > 0 && message.len > site->max_publication)
		return -EMSGSIZE;
	if (!(flags & WEIR_BINARY) && !str_is_utf8(message))
		return -EBADMSG;
	call.view = (struct publication_view){ .scope = scope_of(req, flags & WEIR_SHARED),
					       .name = topic,
					       .bytes = message,
					       .is_binary = flags & WEIR_BINARY,
					       .published_ms = loop_now_ms(site->loop) };
	sched_outside(publish_outside, &call);
	return call.result;
}
