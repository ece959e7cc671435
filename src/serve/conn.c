/*
 * conn.c - see conn.h. A failed handshake is logged once, by whoever ends it,
 * with a cause in words: it is often the only trace of a client that will not
 * trust us, or of a scanner. Of a PROXY header no byte too many is taken from the socket:
 * what follows is TLS's, or h1_conn's, so it is looked at first.
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
#include "proto/proxy_hdr.h"
#include "serve/h1_conn.h"
#include "serve/server.h"

/* What a TLS record with a ClientHello begins with (RFC 8446, section 5.1). */
#define FIRST_OF_TLS '\x16'

enum conn_state {
	CONN_PROXY_HEADER, /* some of it may be here */
	CONN_FIRST_BYTE,   /* nothing has come yet, or nothing behind that header */
	CONN_HANDSHAKE,
	CONN_CLOSED, /* the socket is closed, or somebody else's; memory goes in the reap step */
};

struct conn {
	struct stream stream;
	struct server *server; /* borrowed */
	struct tls_ctx *ctx;   /* counted; NULL: no TLS */
	struct list link;      /* among the server's */
	struct timeout deadline;
	struct loop_defer reap;
	enum conn_state state;
	enum fault fault; /* what it is to be told, after its handshake */
	char *header;	  /* owned: a part of the PROXY header */
	size_t header_len;
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

static void set_names(struct conn *c, weir_str client, weir_str local)
{
	c->client_len = (uint8_t)client.len;
	c->local_len = (uint8_t)local.len;
	memcpy(c->names, client.ptr, client.len);
	memcpy(c->names + client.len, local.ptr, local.len);
}

static void on_reap(struct loop_defer *defer)
{
	struct conn *c = container_of(defer, struct conn, reap);

	free(c->header);
	free(c);
}

/* The socket is closed, or was moved. */
static void forget(struct conn *c)
{
	assert(c->state != CONN_CLOSED);
	if (c->state == CONN_PROXY_HEADER)
		c->server->n_unjudged--;
	c->state = CONN_CLOSED;
	stream_close(&c->stream);
	c->ctx = tls_ctx_unref(c->ctx);
	timeouts_stop(&c->deadline);
	list_del(&c->link);
	c->server->early.n_open--;
	loop_defer(c->server->loop, &c->reap);
	server_conn_gone(c->server, &c->stream);
}

static void fail(struct conn *c, const char *why)
{
	c->server->n_handshakes_failed++;
	log_write(c->server->log, LOG_AT_INFO, "%.*s: TLS handshake failed: %s",
		  WEIR_ARG(client_of(c)), why);
	forget(c);
}

/* It does not begin as it should. */
static void fail_header(struct conn *c, const char *why)
{
	c->server->n_refused++;
	log_write(c->server->log, LOG_AT_INFO, "%.*s: closed: %s", WEIR_ARG(client_of(c)), why);
	forget(c);
}

static void report_memory(const struct conn *c)
{
	log_write(c->server->log, LOG_AT_WARN, "%.*s: no memory for this connection",
		  WEIR_ARG(client_of(c)));
}

/* There is no room for it, and now it can be told. */
static int refuse_moved(struct conn *c, struct tls_info *take_info)
{
	(void)tls_info_unref(take_info);
	return h1_conn_refuse_moved(c->server, &c->stream, client_of(c), local_of(c), c->fault);
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
	if (r >= 0 && c->fault == FAULT_NONE)
		r = h1_conn_open_moved(server, &c->stream, info, client_of(c), local_of(c));
	else if (r >= 0)
		r = refuse_moved(c, info);
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
	ssize_t n = stream_peek(&c->stream, &first, 1);

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

/* ---- the PROXY header */

/* Without TLS there is nothing more to wait for. */
static void become_plain(struct conn *c)
{
	int r;

	if (c->fault == FAULT_NONE)
		r = h1_conn_open_moved(c->server, &c->stream, NULL, client_of(c), local_of(c));
	else
		r = h1_conn_refuse_moved(c->server, &c->stream, client_of(c), local_of(c),
					 c->fault);
	if (r < 0)
		report_memory(c);
	forget(c);
}

/* Now it is known whose connection it is. */
static void take_header(struct conn *c, const struct proxy_hdr *hdr)
{
	struct server *server = c->server;
	int r;

	if (hdr->has_names)
		set_names(c, (weir_str){ hdr->from, hdr->from_len },
			  (weir_str){ hdr->to, hdr->to_len });
	r = server_judge(server, client_of(c), &c->fault, &c->stream.label);
	c->state = CONN_FIRST_BYTE;
	server->n_unjudged--;
	if (r < 0)
		fail_header(c, fault_words(c->fault));
	else if (c->ctx)
		take_first_byte(c);
	else
		become_plain(c);
}

/* For when the rest comes. */
static int keep_header(struct conn *c, const char *bytes, size_t len)
{
	char *header = realloc(c->header, len);

	if (!header)
		return -ENOMEM;
	memcpy(header, bytes, len);
	c->header = header;
	c->header_len = len;
	return 0;
}

static void read_header(struct conn *c)
{
	char bytes[PROXY_HDR_MAX];
	size_t had = c->header_len, whole;
	struct proxy_hdr hdr;
	const char *words;
	ssize_t n, len;

	if (had > 0)
		memcpy(bytes, c->header, had);
	n = stream_peek(&c->stream, bytes + had, sizeof(bytes) - had);
	if (n == -EAGAIN)
		return;
	if (n <= 0 && had == 0) {
		forget(c); /* it has only looked whether somebody listens */
		return;
	}
	if (n <= 0) {
		fail_header(c, "it ended within its PROXY header");
		return;
	}
	whole = had + (size_t)n;
	len = proxy_hdr_read(bytes, whole, &hdr, &words);
	if (len < 0) {
		fail_header(c, words);
		return;
	}
	if (len > 0)
		whole = (size_t)len;
	if (stream_skip(&c->stream, bytes + had, whole - had) < 0)
		fail_header(c, "it broke within its PROXY header");
	else if (len > 0)
		take_header(c, &hdr);
	else if (keep_header(c, bytes, whole) < 0)
		fail_header(c, "no memory for its PROXY header");
}

/* ---- */

static void on_event(struct stream *s)
{
	struct conn *c = container_of(s, struct conn, stream);

	if (c->state == CONN_PROXY_HEADER)
		read_header(c);
	else if (c->state == CONN_FIRST_BYTE)
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

	if (c->state == CONN_PROXY_HEADER)
		fail_header(c, "its PROXY header did not come in time");
	else
		fail(c, c->state == CONN_FIRST_BYTE ? "nothing came in time" : "it took too long");
}

/* names_max: room for names that may come instead of these. */
static struct conn *conn_new(struct server *server, struct tls_ctx *ctx, size_t names_max,
			     weir_str client, weir_str local)
{
	size_t names_len = client.len + local.len;
	struct conn *c;

	assert(client.len < 256 && local.len < 256);
	c = calloc(1, sizeof(*c) + (names_len > names_max ? names_len : names_max));
	if (!c)
		return NULL;
	c->server = server;
	c->ctx = ctx ? tls_ctx_ref(ctx) : NULL;
	set_names(c, client, local);
	loop_defer_init(&c->reap, on_reap);
	timeout_init(&c->deadline);
	return c;
}

static void begin(struct conn *c, int take_fd, enum conn_state state)
{
	struct server *server = c->server;

	c->state = state;
	list_add_tail(&server->early.open, &c->link);
	server->early.n_open++;
	server->n_conns++;
	stream_open(&c->stream, server->loop, &server->blocks, take_fd, &stream_ops);
	timeouts_touch(&server->early.handshakes, &c->deadline);
}

int conn_open(struct server *server, struct tls_ctx *ctx, int take_fd, unsigned label,
	      weir_str client, weir_str local, enum fault fault)
{
	struct conn *c = conn_new(server, ctx, 0, client, local);

	if (!c) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	begin(c, take_fd, CONN_FIRST_BYTE);
	c->stream.label = label;
	c->fault = fault;
	return 0;
}

int conn_open_proxied(struct server *server, struct tls_ctx *ctx, int take_fd, weir_str client,
		      weir_str local)
{
	struct conn *c = conn_new(server, ctx, 2 * PROXY_HDR_NAME_MAX, client, local);

	if (!c) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	begin(c, take_fd, CONN_PROXY_HEADER);
	server->n_unjudged++;
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
		if (c->state != CONN_HANDSHAKE)
			on_event(&c->stream);
		if (c->state == CONN_FIRST_BYTE || c->state == CONN_PROXY_HEADER)
			forget(c);
	}
}

void conn_close_all(struct conns *conns)
{
	list_for_each_safe (link, &conns->open)
		forget(list_entry(link, struct conn, link));
}
