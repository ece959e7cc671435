/*
 * h1_conn.c - the socket's side of an HTTP/1 connection. Bytes go through
 * h1_conn_pump(), which takes one step after the other until it needs more
 * bytes or the application; what was answered on the way leaves in one send at
 * the end. So requests that are pipelined share a recv and a send.
 *
 * The hard thing is who may hold bytes of c->in: an exchange pins the block
 * its head lies in, and the application reads in the piece it was given last.
 * A block that is full and still needed is replaced, never moved; when nothing
 * can be replaced, reading pauses, and once a second the kernel is asked
 * whether the peer is still there.
 */
#include "serve/h1_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/tls_info.h"
#include "serve/h1_steps.h"
#include "serve/h1_time.h"
#include "serve/server.h"
#include "serve/trust.h"

/* A head may be as long as this beyond its limit, so that the reader sees that it is too long. */
#define HEAD_SLACK ((size_t)4096)

/* Two IPv4 addresses with their ports: names beyond that get memory of their own size. */
#define H1_CONN_NAMES ((size_t)48)
#define MAX_UNUSED 256

static const unsigned char next_states[] = {
#define S(state) (1 << (state))
	[H1_IDLE] = S(H1_HEAD) | S(H1_BODY) | S(H1_ANSWER) | S(H1_FLUSHING) | S(H1_CLOSED),
	[H1_HEAD] = S(H1_BODY) | S(H1_ANSWER) | S(H1_FLUSHING) | S(H1_CLOSED),
	[H1_BODY] = S(H1_ANSWER) | S(H1_DISCARD) | S(H1_FLUSHING) | S(H1_CLOSED),
	[H1_ANSWER] = S(H1_IDLE) | S(H1_FLUSHING) | S(H1_CLOSED),
	[H1_DISCARD] = S(H1_IDLE) | S(H1_FLUSHING) | S(H1_CLOSED),
	[H1_FLUSHING] = S(H1_LINGER) | S(H1_CLOSED),
	[H1_LINGER] = S(H1_CLOSED),
	[H1_CLOSED] = 0,
#undef S
};

void h1_conn_set_state(struct h1_conn *c, enum h1_state state)
{
	assert(next_states[c->state] & (1 << state));
	c->state = (uint8_t)state;
}

static struct h1_conn *of_stream(struct stream *s)
{
	return container_of(s, struct h1_conn, stream);
}

static bool is_pinned(const struct h1_conn *c)
{
	return c->ex && c->in && c->ex->pinned == c->in;
}

/* ---- the end */

static size_t size_with(size_t names_len)
{
	return sizeof(struct h1_conn) + (names_len > H1_CONN_NAMES ? names_len : H1_CONN_NAMES);
}

static void on_reap(struct loop_defer *defer)
{
	struct h1_conn *c = container_of(defer, struct h1_conn, reap);
	struct server *server = c->server;

	if (c->tls)
		c->tls = tls_info_unref(c->tls);
	if (c->client_len + c->local_len > H1_CONN_NAMES || server->n_unused == MAX_UNUSED) {
		free(c);
		return;
	}
	c->next_unused = server->unused;
	server->unused = c;
	server->n_unused++;
}

void h1_conn_free_unused(struct server *server)
{
	while (server->unused) {
		struct h1_conn *c = server->unused;

		server->unused = c->next_unused;
		free(c);
	}
	server->n_unused = 0;
}

/* Zeros, but for what stands behind its struct. */
static struct h1_conn *take_memory(struct server *server, size_t names_len)
{
	struct h1_conn *c = server->unused;

	if (!c || names_len > H1_CONN_NAMES)
		return calloc(1, size_with(names_len));
	server->unused = c->next_unused;
	server->n_unused--;
	memset(c, 0, sizeof(*c));
	return c;
}

APART void h1_conn_close(struct h1_conn *c)
{
	struct server *server = c->server;

	assert(!c->ex);
	h1_conn_set_state(c, H1_CLOSED);
	timeouts_stop(&c->waiting);
	timeouts_stop(&c->sending);
	timeouts_stop(&c->probing);
	loop_defer_cancel(&c->flush);
	h1_read_done(&c->read);
	stream_close(&c->stream);
	c->in = block_give(&server->blocks, c->in);
	list_del(&c->link);
	if (!c->has_orphan)
		loop_defer(server->loop, &c->reap);
	server_conn_gone(server, &c->stream);
}

/* The exchange goes on without us; it keeps the bytes it points into. */
static COLD struct exchange *let_go(struct h1_conn *c)
{
	struct exchange *ex = c->ex;

	if (is_pinned(c)) {
		c->in = NULL;
	} else if (c->has_piece_out) {
		ex->held = c->in;
		c->in = NULL;
	}
	c->ex = NULL;
	c->has_piece_out = false;
	c->has_orphan = true;
	return ex;
}

/* Nobody will read the answer. */
static COLD void detach(struct h1_conn *c)
{
	if (c->ex)
		exchange_detach(let_go(c));
}

COLD void h1_conn_hand_over(struct h1_conn *c, struct stream *to, const struct stream_ops *ops)
{
	stream_move(to, &c->stream, ops);
	let_go(c)->down = NULL;
	h1_conn_close(c);
}

void h1_conn_lost(struct h1_conn *c)
{
	if (c->state == H1_CLOSED)
		return;
	detach(c);
	/* A proper end would make what the client has of the answer look complete. */
	if (c->is_until_close && c->state != H1_LINGER)
		stream_reset(&c->stream);
	h1_conn_close(c);
}

void h1_conn_end(struct h1_conn *c)
{
	assert(!c->ex);
	timeouts_stop(&c->waiting);
	h1_conn_set_state(c, H1_FLUSHING);
}

/* Has the peer, whose last byte is here, gone away? */
static bool end_means_gone(const struct h1_conn *c)
{
	/* RFC 9112, section 9.6: who said close, or speaks 1.0, may end its side at once. */
	return c->ex && c->ex->half_close == HALF_CLOSE_CANCEL && c->ex->head.version != 10 &&
	       c->ex->head.keep_alive;
}

/* Answers before this one are still delivered. */
static COLD void leave(struct h1_conn *c)
{
	detach(c);
	outq_drop_file(&c->stream.out);
	c->is_cut = true;
	h1_conn_end(c);
}

/* The queue is empty: our end of the connection is over. */
static COLD void end_output(struct h1_conn *c)
{
	if (c->is_cut && c->is_until_close) {
		stream_reset(&c->stream); /* its end would look like the answer's proper end */
		h1_conn_close(c);
		return;
	}
	if (!c->must_linger || c->has_ended) {
		h1_conn_close(c);
		return;
	}
	stream_shutdown(&c->stream);
	h1_conn_set_state(c, H1_LINGER);
	c->body_len = 0;
	timeouts_touch(&c->server->lingers, &c->waiting);
}

/* ---- bytes out */

static COLD void send_failed(struct h1_conn *c, int error)
{
	if (error == -EIO)
		log_write(c->server->log, LOG_AT_WARN,
			  "%.*s: a file is shorter than the answer promised: broken off",
			  (int)c->client_len, c->names);
	h1_conn_lost(c);
}

/* True when the application was told that there is room: it may have done anything. */
static bool offer_room(struct h1_conn *c)
{
	const struct outq *out = &c->stream.out;

	if (!c->wants_room || !c->ex || out->file_left > 0 ||
	    out->queued > c->server->limits.high_water / 2)
		return false;
	c->wants_room = false;
	c->ex->up->writable(c->ex);
	return true;
}

/* True when there may be more to do. */
static bool flush(struct h1_conn *c)
{
	int r;

	if (loop_is_deferred(&c->flush))
		loop_defer_cancel(&c->flush);
	r = outq_is_empty(&c->stream.out) ? 0 : stream_flush(&c->stream);
	if (r < 0) {
		if (r != -EAGAIN) {
			send_failed(c, r);
			return false;
		}
		if (!timeout_is_active(&c->sending))
			h1_time_await_taking(c);
		return offer_room(c);
	}
	if (timeout_is_active(&c->sending))
		h1_time_all_left(c);
	if (c->state == H1_FLUSHING) {
		end_output(c);
		return false;
	}
	return offer_room(c);
}

static void on_flush(struct loop_defer *defer)
{
	h1_conn_pump(container_of(defer, struct h1_conn, flush));
}

void h1_conn_queued(struct h1_conn *c)
{
	if (!c->is_pumping)
		loop_defer(c->server->loop, &c->flush);
}

/* ---- bytes in */

static APART void pause_reading(struct h1_conn *c)
{
	stream_pause(&c->stream);
	timeouts_touch(&c->server->probes, &c->probing);
}

void h1_conn_resume(struct h1_conn *c)
{
	if (c->has_ended || !stream_is_paused(&c->stream))
		return;
	timeouts_stop(&c->probing);
	stream_resume(&c->stream);
}

/* A head that does not fit in the usual block goes on in a larger one. */
static COLD int grow_head(struct h1_conn *c)
{
	size_t len = block_len(c->in), cap = c->server->limits.head.max_head + HEAD_SLACK;
	struct block *larger;

	if (c->in->start > 0) {
		memmove(c->in->data, c->in->data + c->in->start, len);
		c->in->start = 0;
		c->in->end = len;
		return 0;
	}
	assert(c->in->cap < cap); /* else the reader has refused it */
	larger = block_take(&c->server->blocks, cap);
	if (!larger)
		return -ENOMEM;
	memcpy(larger->data, c->in->data, len);
	larger->end = len;
	(void)block_give(&c->server->blocks, c->in);
	c->in = larger;
	return 0;
}

static int take_block(struct h1_conn *c)
{
	struct block *fresh = block_take(&c->server->blocks, 0);

	if (!fresh)
		return -ENOMEM;
	c->in = fresh;
	return 0;
}

/* Room in a block that is here already. */
static COLD int make_more_room(struct h1_conn *c)
{
	if (block_len(c->in) == 0 && !is_pinned(c) && !c->has_piece_out) {
		c->in->start = 0;
		c->in->end = 0;
	}
	if (block_room(c->in) > 0)
		return 0;
	if (block_len(c->in) > 0)
		return c->state == H1_HEAD ? grow_head(c) : -EAGAIN;
	/* A full one that the exchange keeps can be replaced. */
	return is_pinned(c) ? take_block(c) : -EAGAIN;
}

/* Room in c->in for at least a byte. -EAGAIN: what is there must be used first. */
static int make_room(struct h1_conn *c)
{
	return c->in ? make_more_room(c) : take_block(c);
}

/* Gives back what is not needed between events. */
static void tidy(struct h1_conn *c)
{
	if (c->in && block_len(c->in) == 0 && !is_pinned(c) && !c->has_piece_out)
		c->in = block_give(&c->server->blocks, c->in);
	if (c->state != H1_BODY && c->state != H1_ANSWER)
		h1_conn_resume(c);
}

HOT void h1_conn_pump(struct h1_conn *c)
{
	if (c->is_pumping || c->state == H1_CLOSED)
		return;
	c->is_pumping = true;
	do {
		while (h1_steps_take(c))
			continue;
		if (c->state == H1_CLOSED)
			break;
		if (c->has_ended && end_means_gone(c))
			leave(c);
		tidy(c);
	} while (flush(c));
	c->is_pumping = false;
}

/* The peer has said its last. */
static COLD void on_end(struct h1_conn *c)
{
	c->has_ended = true;
	pause_reading(c);
	if (end_means_gone(c))
		leave(c);
	h1_conn_pump(c);
}

static HOT void on_readable(struct stream *s)
{
	struct h1_conn *c = of_stream(s);
	ssize_t n;
	int r;

	r = make_room(c);
	if (r == -EAGAIN) {
		pause_reading(c);
		return;
	}
	n = r < 0 ? r : stream_recv(s, c->in);
	if (n == 0)
		on_end(c);
	else if (n > 0 || n == -EAGAIN)
		h1_conn_pump(c);
	else
		h1_conn_lost(c);
}

static void on_writable(struct stream *s)
{
	h1_conn_pump(of_stream(s));
}

static void on_broken(struct stream *s, int error)
{
	send_failed(of_stream(s), error);
}

static const struct stream_ops stream_ops = {
	.readable = on_readable,
	.writable = on_writable,
	.broken = on_broken,
};

/* ---- life */

void h1_conn_probe(struct timeout *timeout)
{
	struct h1_conn *c = container_of(timeout, struct h1_conn, probing);
	enum stream_peer peer = stream_peer(&c->stream);

	/* An end while we do not read may have bytes before it: they count, unless it means gone. */
	if (peer == STREAM_PEER_GONE || (peer == STREAM_PEER_ENDED && end_means_gone(c)))
		h1_conn_lost(c);
	else
		timeouts_touch(&c->server->probes, &c->probing);
}

/* Exchanges of such connections go another way up: they have a maker of their own. */
static COLD void set_trusted(struct h1_conn *c)
{
	c->is_trusted = true;
	c->maker = c->tls ? (char *)c->tls + 1 : (void *)c->server->trust;
}

static struct h1_conn *conn_new(struct server *server, weir_str client, weir_str local)
{
	struct h1_conn *c;

	assert(client.len < 256 && local.len < 256);
	c = take_memory(server, client.len + local.len);
	if (!c)
		return NULL;
	c->server = server;
	c->maker = server;
	c->pace = &server->pace;
	c->client_len = (uint8_t)client.len;
	c->local_len = (uint8_t)local.len;
	memcpy(c->names, client.ptr, client.len);
	memcpy(c->names + client.len, local.ptr, local.len);
	if (server->trust && trust_has(server->trust, client))
		set_trusted(c);
	loop_defer_init(&c->flush, on_flush);
	loop_defer_init(&c->reap, on_reap);
	timeout_init(&c->waiting);
	timeout_init(&c->sending);
	timeout_init(&c->probing);
	h1_read_init(&c->read, &server->limits.head, server->fields_at);
	list_init(&c->link);
	return c;
}

static void enter(struct h1_conn *c)
{
	c->server->n_conns++;
	list_add_tail(&c->server->conns, &c->link);
}

static COLD void refuse(struct h1_conn *c, enum fault fault)
{
	h1_steps_refuse(c, fault);
	h1_conn_pump(c);
}

static void begin(struct h1_conn *c)
{
	timeouts_touch(&c->server->heads, &c->waiting);
	if (c->server->closes_idle)
		h1_conn_drain(c);
}

int h1_conn_open(struct server *server, int take_fd, unsigned label, weir_str client,
		 weir_str local, enum fault fault)
{
	struct h1_conn *c = conn_new(server, client, local);

	if (!c) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	enter(c);
	stream_open(&c->stream, server->loop, &server->blocks, take_fd, &stream_ops);
	c->stream.label = label;
	if (fault == FAULT_NONE)
		begin(c);
	else
		refuse(c, fault);
	return 0;
}

/* What was agreed in its handshake. */
static void set_secure(struct h1_conn *c, struct tls_info *take_info)
{
	c->tls = take_info;
	c->maker = take_info;
	if (c->is_trusted)
		set_trusted(c);
	h1_read_init(&c->read, &c->server->secure_head, c->server->fields_at);
}

COLD int h1_conn_open_moved(struct server *server, struct stream *from, struct tls_info *take_info,
			    weir_str client, weir_str local)
{
	struct h1_conn *c = conn_new(server, client, local);

	if (!c) {
		(void)tls_info_unref(take_info);
		return -ENOMEM;
	}
	if (take_info)
		set_secure(c, take_info);
	enter(c);
	stream_move(&c->stream, from, &stream_ops);
	begin(c);
	return 0;
}

COLD int h1_conn_refuse_moved(struct server *server, struct stream *from, weir_str client,
			      weir_str local, enum fault fault)
{
	struct h1_conn *c = conn_new(server, client, local);

	if (!c)
		return -ENOMEM;
	enter(c);
	stream_move(&c->stream, from, &stream_ops);
	refuse(c, fault);
	return 0;
}

void h1_conn_drain(struct h1_conn *c)
{
	/* A request that is in the kernel already is still answered. */
	if (c->state == H1_IDLE && !stream_is_paused(&c->stream))
		on_readable(&c->stream);
}
