/*
 * h1_tunnel.c - see h1_tunnel.h. It moves bytes between a socket and two
 * buffers that the owner uses as it likes. Reading goes on until a block is
 * full, whether the owner takes it or not: so a peer that leaves is seen at
 * once, and one that sends what nobody reads is held back by the kernel.
 */
#include "serve/h1_tunnel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/h1_conn.h"
#include "serve/pace.h"
#include "serve/server.h"

#define WATCH_MS 1000
#define LINGER_MS 2000
/* What fewer need stays in the cache by itself, and fetching it takes instructions. */
#define CROWD 200

static struct h1_tunnel *of_tunnel(struct tunnel *t)
{
	return container_of(t, struct h1_tunnel, tunnel);
}

static struct h1_tunnel *of_stream(struct stream *s)
{
	return container_of(s, struct h1_tunnel, stream);
}

/* ---- the end */

static void on_reap(struct loop_defer *defer)
{
	free(container_of(defer, struct h1_tunnel, defer));
}

static COLD void close_tunnel(struct h1_tunnel *ht)
{
	struct server *server = ht->server;

	assert(!ht->is_closed);
	ht->is_closed = true;
	timeouts_stop(&ht->clock);
	loop_defer_cancel(&ht->defer);
	stream_close(&ht->stream);
	ht->tunnel.in = block_give(&server->blocks, ht->tunnel.in);
	list_del(&ht->link);
	server->tunnels.n_open--;
	loop_defer_init(&ht->defer, on_reap);
	loop_defer(server->loop, &ht->defer);
	server_conn_gone(server, &ht->stream);
}

COLD void h1_tunnel_lost(struct h1_tunnel *ht, const char *why)
{
	bool is_owned = !ht->is_ending;

	if (ht->is_closed)
		return;
	close_tunnel(ht);
	if (is_owned)
		ht->tunnel.up->gone(&ht->tunnel, why);
}

/* All that the owner has queued has left. */
static COLD void end_output(struct h1_tunnel *ht)
{
	if (ht->tunnel.is_ended) {
		close_tunnel(ht);
		return;
	}
	ht->has_shut = true;
	stream_shutdown(&ht->stream);
	timeouts_touch(&ht->server->tunnels.lingers, &ht->clock);
	stream_resume(&ht->stream);
}

/* ---- bytes out */

/* From now on the peer is watched. */
static COLD void watch(struct h1_tunnel *ht)
{
	if (timeout_is_active(&ht->clock))
		return;
	ht->taken = stream_taken(&ht->stream);
	ht->taken_ms = loop_now_ms(ht->server->loop);
	timeouts_touch(&ht->server->tunnels.watches, &ht->clock);
}

/* The kernel's queue is full: from now on the peer has to take of it. */
static COLD void await_taking(struct h1_tunnel *ht)
{
	watch(ht);
	if (ht->is_awaited)
		return;
	ht->is_awaited = true;
	ht->taken = stream_taken(&ht->stream);
	ht->taken_ms = loop_now_ms(ht->server->loop);
	/* It goes on where it stood: a queue that is empty for a moment is no new beginning. */
	if (ht->waited_ms == 0)
		ht->taken_first = ht->taken;
	ht->taking_ms = loop_now_ms(ht->server->loop) - ht->waited_ms;
}

static bool is_waiting_to_send(const struct h1_tunnel *ht)
{
	return !outq_is_empty(&ht->stream.out);
}

/* All that was queued has left for the kernel. The clock goes on: it may be for a moment, and again and again. */
static void unwatch(struct h1_tunnel *ht)
{
	if (ht->is_awaited)
		ht->waited_ms = loop_now_ms(ht->server->loop) - ht->taking_ms;
	ht->is_awaited = false;
}

/* True when the owner was told that there is room: it may have done anything. */
static bool offer_room(struct h1_tunnel *ht)
{
	struct tunnel *t = &ht->tunnel;

	if (!t->wants_room || ht->is_ending || t->out->queued > t->high_water / 2)
		return false;
	t->wants_room = false;
	t->up->writable(t);
	return !ht->is_closed;
}

/* Sends what is queued, as far as the kernel takes it, and what room for more brings. */
static void flush(struct h1_tunnel *ht)
{
	int r;

	if (loop_is_deferred(&ht->defer))
		loop_defer_cancel(&ht->defer);
	do {
		r = is_waiting_to_send(ht) ? stream_flush(&ht->stream) : 0;
		if (r < 0 && r != -EAGAIN) {
			h1_tunnel_lost(ht, NULL);
			return;
		}
		if (r == -EAGAIN)
			await_taking(ht);
		else if (timeout_is_active(&ht->clock) && !ht->has_shut)
			unwatch(ht);
	} while (offer_room(ht) && r == 0 && is_waiting_to_send(ht));
	if (!ht->is_closed && ht->is_ending && !ht->has_shut && !is_waiting_to_send(ht))
		end_output(ht);
}

/* The owner may have looked at what came behind the request, or not. */
static COLD void tell_of_rest(struct h1_tunnel *ht)
{
	ht->has_rest = false;
	if (ht->tunnel.in && !ht->is_ending)
		ht->tunnel.up->readable(&ht->tunnel);
}

static HOT void on_flush(struct loop_defer *defer)
{
	struct h1_tunnel *ht = container_of(defer, struct h1_tunnel, defer);

	ht->is_pumping = true;
	if (ht->has_rest)
		tell_of_rest(ht);
	if (!ht->is_closed)
		flush(ht);
	ht->is_pumping = false;
}

static inline void fetch_ahead(const struct h1_tunnel *ht)
{
	if (ht->server->tunnels.n_open > CROWD)
		tunnel_fetch(&ht->tunnel);
}

static void fetch(const struct loop_defer *defer)
{
	fetch_ahead(container_of(defer, const struct h1_tunnel, defer));
}

static void on_queued(struct tunnel *t)
{
	struct h1_tunnel *ht = of_tunnel(t);

	if (!ht->is_pumping && !ht->is_closed)
		loop_defer(ht->server->loop, &ht->defer);
}

static void on_end(struct tunnel *t)
{
	struct h1_tunnel *ht = of_tunnel(t);

	assert(!ht->is_ending);
	ht->is_ending = true;
	t->in = block_give(&ht->server->blocks, t->in);
	on_queued(t);
}

static void on_abort(struct tunnel *t)
{
	struct h1_tunnel *ht = of_tunnel(t);

	assert(!ht->is_ending);
	ht->is_ending = true;
	stream_reset(&ht->stream);
	close_tunnel(ht);
}

/* ---- bytes in */

static COLD void pause_reading(struct h1_tunnel *ht)
{
	stream_pause(&ht->stream);
	watch(ht);
}

static void on_taken(struct tunnel *t)
{
	struct h1_tunnel *ht = of_tunnel(t);

	if (t->in && block_len(t->in) == 0)
		t->in = block_give(&ht->server->blocks, t->in);
	if (!t->is_ended && stream_is_paused(&ht->stream))
		stream_resume(&ht->stream);
}

/* -EAGAIN: what is there must be taken first. */
static int make_room(struct h1_tunnel *ht)
{
	struct tunnel *t = &ht->tunnel;

	if (!t->in) {
		t->in = block_take(&ht->server->blocks, 0);
		return t->in ? 0 : -ENOMEM;
	}
	return block_room(t->in) > 0 ? 0 : -EAGAIN;
}

/* Nobody reads it any more; the peer's end is all that is waited for. */
static COLD void throw_away(struct h1_tunnel *ht)
{
	struct block *b = block_take(&ht->server->blocks, 0);
	ssize_t n = b ? stream_recv(&ht->stream, b) : -ENOMEM;

	(void)block_give(&ht->server->blocks, b);
	if (n == 0) {
		ht->tunnel.is_ended = true;
		stream_pause(&ht->stream);
		if (!is_waiting_to_send(ht))
			close_tunnel(ht);
	} else if (n < 0 && n != -EAGAIN) {
		close_tunnel(ht);
	}
}

static void receive(struct h1_tunnel *ht)
{
	struct tunnel *t = &ht->tunnel;
	ssize_t n;
	int r;

	r = make_room(ht);
	if (r == -EAGAIN) {
		pause_reading(ht);
		return;
	}
	n = r < 0 ? r : stream_recv(&ht->stream, t->in);
	if (n == 0) {
		t->is_ended = true;
		stream_pause(&ht->stream);
	} else if (n < 0 && n != -EAGAIN) {
		h1_tunnel_lost(ht, NULL);
		return;
	}
	if (t->in && block_len(t->in) == 0)
		t->in = block_give(&ht->server->blocks, t->in);
	if (n >= 0)
		t->up->readable(t);
	if (t->held > 0)
		ht->heard_ms = loop_now_ms(ht->server->loop);
}

static HOT void on_readable(struct stream *s)
{
	struct h1_tunnel *ht = of_stream(s);

	fetch_ahead(ht);
	ht->is_pumping = true;
	if (ht->is_ending)
		throw_away(ht);
	else
		receive(ht);
	/* Who waits for it takes it now, and its block serves the next; what it answers leaves below. */
	if (!ht->is_closed)
		loop_run_ready(ht->server->loop);
	if (!ht->is_closed)
		flush(ht);
	ht->is_pumping = false;
}

static void on_writable(struct stream *s)
{
	struct h1_tunnel *ht = of_stream(s);

	ht->is_pumping = true;
	flush(ht);
	ht->is_pumping = false;
}

static void on_broken(struct stream *s, int error)
{
	h1_tunnel_lost(of_stream(s), NULL);
}

static const struct stream_ops stream_ops = {
	.readable = on_readable,
	.writable = on_writable,
	.broken = on_broken,
};

/* ---- time */

int64_t h1_tunnel_idle_since(const struct h1_tunnel *ht)
{
	if (is_waiting_to_send(ht) && timeout_is_active(&ht->clock))
		return ht->taken_ms;
	return ht->tunnel.held > 0 && !ht->is_ending ? ht->heard_ms : -1;
}

/* Is it too slow, in the time that its average is of? If not, the next such time begins. */
static bool is_dripping(struct h1_tunnel *ht, int64_t now_ms, int64_t taken)
{
	int64_t waited_ms = ht->is_awaited ? now_ms - ht->taking_ms : ht->waited_ms;
	int64_t so_far = taken - ht->taken_first;
	const struct pace_limits *limits = &ht->pace->limits;

	if (waited_ms == 0 || waited_ms < limits->average_ms || waited_ms < limits->send_ms)
		return false;
	if (pace_is_too_slow(ht->pace, so_far > 0 ? (uint64_t)so_far : 0, waited_ms))
		return true;
	ht->taking_ms = now_ms;
	ht->waited_ms = 0;
	ht->taken_first = taken;
	return false;
}

static void give_up(struct h1_tunnel *ht, const char *why)
{
	ht->server->n_slow++;
	/* Closed, the socket would keep its queue, and the kernel busy, for minutes. */
	stream_reset(&ht->stream);
	h1_tunnel_lost(ht, why);
}

static void on_watch(struct timeout *timeout)
{
	struct h1_tunnel *ht = container_of(timeout, struct h1_tunnel, clock);
	int64_t now_ms = loop_now_ms(ht->server->loop), taken = stream_taken(&ht->stream);
	int64_t send_ms = ht->pace->limits.send_ms;
	enum stream_peer peer = stream_peer(&ht->stream);

	if (peer == STREAM_PEER_GONE) {
		h1_tunnel_lost(ht, NULL);
		return;
	}
	if (peer == STREAM_PEER_ENDED)
		ht->tunnel.has_peer_ended = true;
	if (taken > ht->taken || !is_waiting_to_send(ht)) {
		ht->taken = taken;
		ht->taken_ms = now_ms;
	}
	if (send_ms > 0 && now_ms - ht->taken_ms >= send_ms) {
		give_up(ht, "it has stopped taking what is sent to it");
		return;
	}
	if (is_dripping(ht, now_ms, taken)) {
		give_up(ht, "it takes what is sent to it too slowly");
		return;
	}
	if (is_waiting_to_send(ht) || (stream_is_paused(&ht->stream) && !ht->tunnel.is_ended))
		timeouts_touch(&ht->server->tunnels.watches, &ht->clock);
}

static void on_linger(struct timeout *timeout)
{
	close_tunnel(container_of(timeout, struct h1_tunnel, clock));
}

void h1_tunnel_init_lists(struct h1_tunnels *tunnels, struct loop *loop)
{
	list_init(&tunnels->open);
	timeouts_init(&tunnels->watches, loop, WATCH_MS, on_watch);
	timeouts_init(&tunnels->lingers, loop, LINGER_MS, on_linger);
}

static bool is_to_drain(const struct h1_tunnel *ht)
{
	return !ht->is_ending && !ht->is_drained;
}

static void drain(struct h1_tunnel *ht)
{
	ht->is_drained = true;
	ht->tunnel.up->drain(&ht->tunnel);
}

void h1_tunnel_drain_all(struct h1_tunnels *tunnels)
{
	h1_tunnel_drain_part(tunnels, 1);
}

void h1_tunnel_drain_part(struct h1_tunnels *tunnels, unsigned parts)
{
	size_t n = 0;

	list_for_each (link, &tunnels->open)
		n += is_to_drain(list_entry(link, struct h1_tunnel, link));
	n = (n + parts / 2) / parts;
	list_for_each_safe (link, &tunnels->open) {
		struct h1_tunnel *ht = list_entry(link, struct h1_tunnel, link);

		if (n == 0)
			return;
		if (!is_to_drain(ht))
			continue;
		drain(ht);
		n--;
	}
}

void h1_tunnel_done_lists(struct h1_tunnels *tunnels)
{
	assert(list_is_empty(&tunnels->open));
	timeouts_done(&tunnels->watches);
	timeouts_done(&tunnels->lingers);
}

/* ---- life */

static const struct tunnel_down tunnel_down = {
	.taken = on_taken,
	.queued = on_queued,
	.end = on_end,
	.abort = on_abort,
};

/* What came behind the request; the block that its head lies in stays with the exchange. */
static int take_rest(struct h1_conn *c, struct block **ret_in)
{
	size_t len = c->in ? block_len(c->in) : 0;
	struct block *rest;

	*ret_in = NULL;
	if (len == 0)
		return 0;
	rest = block_take(&c->server->blocks, len);
	if (!rest)
		return -ENOMEM;
	memcpy(rest->data, c->in->data + c->in->start, len);
	rest->end = len;
	*ret_in = rest;
	return 0;
}

int h1_tunnel_new(struct h1_conn *c, struct h1_tunnel **ret_tunnel)
{
	struct h1_tunnel *ht = calloc(1, sizeof(*ht));
	int r;

	if (!ht)
		return -ENOMEM;
	ht->server = c->server;
	r = take_rest(c, &ht->tunnel.in);
	if (r < 0) {
		free(ht);
		return r;
	}
	*ret_tunnel = ht;
	return 0;
}

struct h1_tunnel *h1_tunnel_free(struct h1_tunnel *ht)
{
	if (!ht)
		return NULL;
	(void)block_give(&ht->server->blocks, ht->tunnel.in);
	free(ht);
	return NULL;
}

void h1_tunnel_begin(struct h1_tunnel *ht, struct h1_conn *c)
{
	struct server *server = ht->server;

	ht->pace = c->pace;
	ht->tunnel.down = &tunnel_down;
	ht->tunnel.out = &ht->stream.out;
	ht->tunnel.high_water = server->limits.high_water;
	ht->tunnel.is_ended = c->has_ended;
	ht->has_rest = ht->tunnel.in != NULL;
	loop_defer_init(&ht->defer, on_flush);
	ht->defer.fetch = fetch;
	timeout_init(&ht->clock);
	list_add_tail(&server->tunnels.open, &ht->link);
	server->tunnels.n_open++;
	server->n_conns++;
	h1_conn_hand_over(c, &ht->stream, &stream_ops);
	loop_defer(server->loop, &ht->defer);
}
