/*
 * h1_time.c - see h1_time.h. A handler that thinks must not count against its
 * client. So a body's clock runs from when the next byte is asked for until one
 * comes, and an answer's from when the kernel takes no more until it has taken
 * everything; what a client does beside that counts in its favour.
 *
 * Gaps are time-outs. Averages need none of their own: a body that drips is
 * judged at each drop, one that stops has its gap, and answers are looked at
 * every second in any case.
 */
#include "serve/h1_time.h"

#include "base/log.h"
#include "serve/h1_steps.h"
#include "serve/server.h"

/* ---- bodies */

bool h1_time_await_body(struct h1_conn *c)
{
	if (pace_is_too_slow(c->pace, c->body_len, c->body_waited_ms))
		return false;
	c->asked_ms = loop_now_ms(c->server->loop);
	timeouts_touch(&c->pace->bodies, &c->waiting);
	return true;
}

void h1_time_body_came(struct h1_conn *c)
{
	timeouts_stop(&c->waiting);
	c->body_waited_ms += loop_now_ms(c->server->loop) - c->asked_ms;
}

static void give_up_body(struct h1_conn *c)
{
	if (!c->wants_body)
		return; /* its handler has not asked for more */
	c->ex->fault = FAULT_BODY_TIMEOUT;
	c->body_error = -EBADMSG;
	c->keeps_alive = false;
	c->wants_body = false;
	c->ex->up->readable(c->ex);
}

void h1_time_expired(struct timeout *timeout)
{
	struct h1_conn *c = container_of(timeout, struct h1_conn, waiting);

	switch ((enum h1_state)c->state) {
	case H1_HEAD:
		h1_steps_refuse(c, FAULT_HEAD_TIMEOUT);
		break;
	case H1_ANSWER:
		return; /* nothing is awaited: it was left in its list because that is cheaper */
	case H1_BODY:
		give_up_body(c);
		break;
	case H1_DISCARD:
		h1_conn_end(c);
		break;
	default:
		h1_conn_lost(c); /* silent between requests, or after our end */
		break;
	}
	h1_conn_pump(c);
}

/* ---- answers */

APART void h1_time_await_taking(struct h1_conn *c)
{
	int64_t now_ms = loop_now_ms(c->server->loop), taken = stream_taken(&c->stream);

	/* Answers have waited before: the clock goes on where it stood. One average for all of them. */
	if (c->take_waited_ms == 0)
		c->taken_first = taken;
	c->taking_ms = now_ms - c->take_waited_ms;
	c->taken = taken;
	c->taken_ms = now_ms;
	timeouts_touch(&c->pace->looks, &c->sending);
}

void h1_time_all_left(struct h1_conn *c)
{
	timeouts_stop(&c->sending);
	c->take_waited_ms = loop_now_ms(c->server->loop) - c->taking_ms;
}

static void give_up_answer(struct h1_conn *c, const char *why)
{
	c->server->n_slow++;
	log_write(c->server->log, LOG_AT_INFO, "%.*s: cut off: %s", (int)c->client_len, c->names,
		  why);
	/* Closed, the socket would keep its queue, and the kernel busy, for minutes. */
	stream_reset(&c->stream);
	h1_conn_lost(c);
}

void h1_time_look(struct timeout *timeout)
{
	struct h1_conn *c = container_of(timeout, struct h1_conn, sending);
	int64_t now_ms = loop_now_ms(c->server->loop), taken = stream_taken(&c->stream);
	int64_t send_ms = c->pace->limits.send_ms, so_far = taken - c->taken_first;

	if (taken > c->taken) {
		c->taken = taken;
		c->taken_ms = now_ms;
	}
	if (send_ms > 0 && now_ms - c->taken_ms >= send_ms)
		give_up_answer(c, "it has stopped taking its answer");
	else if (pace_is_too_slow(c->pace, so_far > 0 ? (uint64_t)so_far : 0,
				  now_ms - c->taking_ms))
		give_up_answer(c, "it takes its answer too slowly");
	else
		timeouts_touch(&c->pace->looks, &c->sending);
}

/* ---- both */

int64_t h1_time_idle_since(const struct h1_conn *c)
{
	if (timeout_is_active(&c->sending))
		return c->taken_ms;
	if (c->state == H1_BODY && c->wants_body)
		return c->asked_ms;
	if (c->state == H1_HEAD && timeout_is_active(&c->waiting))
		return c->waiting.at_ms - c->server->limits.header_ms;
	if (c->state == H1_DISCARD && timeout_is_active(&c->waiting))
		return c->waiting.at_ms - c->pace->limits.body_ms;
	return -1;
}
