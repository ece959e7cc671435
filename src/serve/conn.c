/*
 * conn.c - see conn.h. A failed handshake is logged once, by whoever ends it,
 * with a cause in words: it is often the only trace of a client that will not
 * trust us, or of a scanner.
 */
#include "serve/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/stream.h"
#include "io/tls_ctx.h"
#include "io/tls_info.h"
#include "serve/h1_conn.h"
#include "serve/server.h"

/* What a TLS record with a ClientHello begins with (RFC 8446, section 5.1). */
#define FIRST_OF_TLS '\x16'

enum conn_state {
	CONN_FIRST_BYTE, /* nothing has come yet */
	CONN_HANDSHAKE,
	CONN_CLOSED, /* the socket is closed, or somebody else's; memory goes in the reap step */
};

struct conn {
	struct stream stream;
	struct server *server; /* borrowed */
	struct tls_ctx *ctx;   /* counted */
	struct list link;      /* among the server's */
	struct timeout deadline;
	struct loop_defer reap;
	enum conn_state state;
	uint8_t client_len, local_len;
	char names[];
};

static weir_str client_of(const struct conn *c)
{
	return (weir_str){ c->names, c->client_len };
}

static weir_str local_of(const struct conn *c)
{
	return (weir_str){ c->names + c->client_len, c->local_len };
}

static void on_reap(struct loop_defer *defer)
{
	free(container_of(defer, struct conn, reap));
}

/* The socket is closed, or was moved. */
static void forget(struct conn *c)
{
	assert(c->state != CONN_CLOSED);
	c->state = CONN_CLOSED;
	stream_close(&c->stream);
	c->ctx = tls_ctx_unref(c->ctx);
	timeouts_stop(&c->deadline);
	list_del(&c->link);
	loop_defer(c->server->loop, &c->reap);
	server_conn_gone(c->server);
}

static void fail(struct conn *c, const char *why)
{
	c->server->n_handshakes_failed++;
	log_write(c->server->log, LOG_AT_INFO, "%.*s: TLS handshake failed: %s",
		  WEIR_ARG(client_of(c)), why);
	forget(c);
}

static void report_memory(const struct conn *c)
{
	log_write(c->server->log, LOG_AT_WARN, "%.*s: no memory for this connection",
		  WEIR_ARG(client_of(c)));
}

/* The handshake is over: from now on the connection speaks HTTP. */
static void become_h1(struct conn *c)
{
	struct server *server = c->server;
	struct tls_info *info = NULL;
	int r;

	r = stream_tls_info(&c->stream, &info);
	server->n_handshakes++;
	if (r >= 0 && info->pub.is_resumed)
		server->n_resumed++;
	if (r >= 0)
		r = h1_conn_open_secure(server, &c->stream, info, client_of(c), local_of(c));
	if (r < 0)
		report_memory(c);
	forget(c);
}

static void shake_hands(struct conn *c)
{
	int r = stream_handshake(&c->stream);

	if (r == 0)
		become_h1(c);
	else if (r != -EAGAIN)
		fail(c, stream_tls_why(&c->stream));
}

/* A method begins with a capital letter; everything else is no HTTP either. */
static bool looks_like_http(char first)
{
	return first >= 'A' && first <= 'Z';
}

/* Plain HTTP: it can at least be answered. */
static void refuse_plain(struct conn *c)
{
	struct server *server = c->server;

	server->n_handshakes_failed++;
	if (h1_conn_refuse_moved(server, &c->stream, client_of(c), local_of(c),
				 FAULT_H1_PLAIN_ON_TLS) < 0)
		report_memory(c);
	forget(c);
}

static void take_first_byte(struct conn *c)
{
	char first;
	ssize_t n = stream_peek(&c->stream, &first);

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		forget(c); /* it has only looked whether somebody listens */
		return;
	}
	if (first != FIRST_OF_TLS) {
		if (looks_like_http(first))
			refuse_plain(c);
		else
			fail(c, "what the client sends is no TLS");
		return;
	}
	c->state = CONN_HANDSHAKE;
	if (stream_secure(&c->stream, c->ctx) >= 0) {
		shake_hands(c);
		return;
	}
	report_memory(c);
	forget(c);
}

static void on_event(struct stream *s)
{
	struct conn *c = container_of(s, struct conn, stream);

	if (c->state == CONN_FIRST_BYTE)
		take_first_byte(c);
	else if (c->state == CONN_HANDSHAKE)
		shake_hands(c);
}

static void on_broken(struct stream *s, int error)
{
	fail(container_of(s, struct conn, stream), strerror(-error));
}

static const struct stream_ops stream_ops = {
	.readable = on_event,
	.writable = on_event,
	.broken = on_broken,
};

static void on_deadline(struct timeout *timeout)
{
	struct conn *c = container_of(timeout, struct conn, deadline);

	fail(c, c->state == CONN_FIRST_BYTE ? "nothing came in time" : "it took too long");
}

int conn_open(struct server *server, struct tls_ctx *ctx, int take_fd, weir_str client,
	      weir_str local)
{
	struct conn *c;

	assert(client.len < 256 && local.len < 256);
	c = calloc(1, sizeof(*c) + client.len + local.len);
	if (!c) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	c->server = server;
	c->ctx = tls_ctx_ref(ctx);
	c->client_len = (uint8_t)client.len;
	c->local_len = (uint8_t)local.len;
	memcpy(c->names, client.ptr, client.len);
	memcpy(c->names + client.len, local.ptr, local.len);
	loop_defer_init(&c->reap, on_reap);
	timeout_init(&c->deadline);
	list_add_tail(&server->early.open, &c->link);
	server->n_conns++;
	stream_open(&c->stream, server->loop, &server->blocks, take_fd, &stream_ops);
	timeouts_touch(&server->early.handshakes, &c->deadline);
	return 0;
}

void conn_init_lists(struct conns *conns, struct server *server, int64_t handshake_ms)
{
	list_init(&conns->open);
	timeouts_init(&conns->handshakes, server->loop, handshake_ms, on_deadline);
}

void conn_done_lists(struct conns *conns)
{
	assert(list_is_empty(&conns->open));
	timeouts_done(&conns->handshakes);
}

void conn_drain_all(struct conns *conns)
{
	list_for_each_safe (link, &conns->open) {
		struct conn *c = list_entry(link, struct conn, link);

		/* Its first bytes may have come in this moment. */
		if (c->state == CONN_FIRST_BYTE)
			take_first_byte(c);
		if (c->state == CONN_FIRST_BYTE)
			forget(c);
	}
}

void conn_close_all(struct conns *conns)
{
	list_for_each_safe (link, &conns->open)
		forget(list_entry(link, struct conn, link));
}
