/*
 * server.c - see server.h. The one subtle thing is when a drain is over: the
 * last connection may be gone while a handler still cleans up after its client.
 */
#include "serve/server.h"

#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/stream.h"
#include "serve/errpage.h"
#include "serve/exchange_log.h"
#include "serve/h1_conn.h"
#include "serve/h1_time.h"
#include "serve/headcount.h"
#include "serve/trust.h"

#define LINGER_MS 2000
#define PROBE_MS 1000
/* So many may be around only to hear that there is no room: more are closed without a word. */
#define TURNED_AWAY_MAX 64
/* The label of their streams. */
#define UNWELCOME UINT_MAX
/* 1 MiB of buffers kept for reuse. */
#define MAX_UNUSED_BLOCKS 64

static void on_check(struct loop_defer *defer)
{
	struct server *server = container_of(defer, struct server, check);

	if (server->n_conns > 0 || server->exchanges.n_live > 0)
		return;
	if (server->drained)
		server->drained(server);
}

int server_init(struct server *server, struct loop *loop, const struct log *log,
		const struct server_limits *limits)
{
	struct h1_field_at *fields_at = calloc(limits->head.max_fields, sizeof(*fields_at));

	if (!fields_at)
		return -ENOMEM;
	*server = (struct server){
		.loop = loop, .log = log, .limits = *limits, .fields_at = fields_at
	};
	server->secure_head = limits->head;
	server->secure_head.is_secure = true;
	list_init(&server->conns);
	conn_init_lists(&server->early, server, limits->handshake_ms);
	h1_tunnel_init_lists(&server->tunnels, loop);
	loop_defer_init(&server->check, on_check);
	block_pool_init(&server->blocks, MAX_UNUSED_BLOCKS);
	relief_init(&server->relief, server, limits->memory_budget);
	exchange_pool_init(&server->exchanges, limits->request_memory);
	timeouts_init(&server->heads, loop, limits->header_ms, h1_time_expired);
	timeouts_init(&server->keep_alives, loop, limits->keep_alive_ms, h1_time_expired);
	timeouts_init(&server->lingers, loop, LINGER_MS, h1_time_expired);
	pace_init(&server->pace, loop, &limits->pace, h1_time_expired, h1_time_look);
	timeouts_init(&server->probes, loop, PROBE_MS, h1_conn_probe);
	return 0;
}

void server_done(struct server *server)
{
	loop_defer_cancel(&server->check);
	relief_done(&server->relief);
	timeouts_done(&server->heads);
	timeouts_done(&server->keep_alives);
	timeouts_done(&server->lingers);
	timeouts_done(&server->probes);
	h1_tunnel_done_lists(&server->tunnels);
	conn_done_lists(&server->early);
	h1_conn_free_unused(server);
	pace_done(&server->pace);
	while (server->other_paces) {
		struct pace *pace = server->other_paces;

		server->other_paces = pace->next;
		pace_done(pace);
		free(pace);
	}
	exchange_pool_done(&server->exchanges);
	block_pool_done(&server->blocks);
	free(server->fields_at);
}

int server_pace(struct server *server, const struct pace_limits *limits, struct pace **ret_pace)
{
	struct pace *pace = server->other_paces;

	if (pace_has_limits(&server->pace, limits)) {
		*ret_pace = &server->pace;
		return 0;
	}
	while (pace && !pace_has_limits(pace, limits))
		pace = pace->next;
	if (!pace) {
		pace = malloc(sizeof(*pace));
		if (!pace)
			return -ENOMEM;
		pace_init(pace, server->loop, limits, h1_time_expired, h1_time_look);
		pace->next = server->other_paces;
		server->other_paces = pace;
	}
	*ret_pace = pace;
	return 0;
}

/* Not even a place to say so is left. */
void server_turn_away(struct server *server, int take_fd, weir_str client, enum fault fault)
{
	server->n_refused++;
	log_write(server->log, LOG_AT_INFO, "%.*s: refused without an answer: %s", WEIR_ARG(client),
		  fault_words(fault));
	(void)close(take_fd);
}

/* Whose word about its clients counts is no client itself. */
static bool is_counted(const struct server *server, weir_str client)
{
	return !server->trust || !trust_has(server->trust, client);
}

int server_judge(struct server *server, weir_str client, enum fault *ret_fault, unsigned *ret_label)
{
	unsigned max = server->limits.max_connections;

	*ret_fault = FAULT_NONE;
	*ret_label = 0;
	if (max > 0 && server->n_conns - server->n_unwelcome - server->n_unjudged >= max)
		*ret_fault = FAULT_OVERLOADED;
	else if (server->headcount)
		*ret_fault = headcount_add(server->headcount, client, is_counted(server, client),
					   ret_label);
	if (*ret_fault == FAULT_NONE)
		return 0;
	if (server->n_unwelcome >= TURNED_AWAY_MAX)
		return -EBUSY;
	server->n_unwelcome++;
	*ret_label = UNWELCOME;
	return 0;
}

/* It was counted by address, or has only been told something. */
COLD void server_forget_label(struct server *server, unsigned label)
{
	if (label == UNWELCOME)
		server->n_unwelcome--;
	else if (label)
		headcount_drop(server->headcount, label);
}

static void report_memory(struct server *server, weir_str client, unsigned label)
{
	server_forget_label(server, label);
	log_write(server->log, LOG_AT_WARN, "%.*s: no memory for this connection",
		  WEIR_ARG(client));
}

void server_accept(struct server *server, int take_fd, weir_str client, weir_str local)
{
	enum fault fault;
	unsigned label;

	server->n_accepted++;
	if (server_judge(server, client, &fault, &label) < 0)
		server_turn_away(server, take_fd, client, fault);
	else if (h1_conn_open(server, take_fd, label, client, local, fault) < 0)
		report_memory(server, client, label);
}

void server_accept_secure(struct server *server, struct tls_ctx *ctx, int take_fd, weir_str client,
			  weir_str local)
{
	enum fault fault;
	unsigned label;

	server->n_accepted++;
	if (server_judge(server, client, &fault, &label) < 0)
		server_turn_away(server, take_fd, client, fault);
	else if (conn_open(server, ctx, take_fd, label, client, local, fault) < 0)
		report_memory(server, client, label);
}

void server_accept_proxied(struct server *server, struct tls_ctx *ctx, int take_fd, weir_str client,
			   weir_str local)
{
	server->n_accepted++;
	if (server->trust && !trust_has(server->trust, client)) {
		server->n_refused++;
		log_write(server->log, LOG_AT_INFO,
			  "%.*s: closed: it is none of trusted_proxies, and a PROXY header is due "
			  "here",
			  WEIR_ARG(client));
		(void)close(take_fd);
		return;
	}
	if (server->limits.max_connections > 0 &&
	    server->n_unjudged >= server->limits.max_connections)
		server_turn_away(server, take_fd, client, FAULT_OVERLOADED);
	else if (conn_open_proxied(server, ctx, take_fd, client, local) < 0)
		report_memory(server, client, 0);
}

void server_refuse(struct server *server, int take_fd, weir_str client)
{
	char page[ERRPAGE_MAX], request[4096];
	size_t len = errpage_write(page, FAULT_OVERLOADED, server_own(server), true);
	struct exchange_log_refusal refusal = { .client = client,
						.status = fault_status(FAULT_OVERLOADED) };
	ssize_t n;

	server->n_refused++;
	log_write(server->log, LOG_AT_INFO, "%.*s: refused with 503: no descriptor is left",
		  WEIR_ARG(client));
	/* What is unread when the socket is closed makes a reset of it, which may overtake the answer. */
	n = recv(take_fd, request, sizeof(request), MSG_DONTWAIT);
	refusal.bytes = (weir_str){ request, n > 0 ? (size_t)n : 0 };
	(void)send(take_fd, page, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(take_fd, SHUT_WR);
	(void)close(take_fd);
	refusal.sent = errpage_body(page, refusal.status, fault_words(FAULT_OVERLOADED));
	exchange_log_refuse(server->access_log, &refusal);
}

COLD void server_renew_own(struct server *server)
{
	char date[CLOCK_HTTP_DATE];

	clock_http_date(clock_real_s(), date);
	h1_write_own(&server->own, date);
	server->own_until_ms = loop_now_ms(server->loop) + 1000 - clock_real_ms();
}

/* Deferred behind the reaping of the connection: drained() finds nothing of it. */
static void check_drained(struct server *server)
{
	if (server->is_draining && server->n_conns == 0 && server->exchanges.n_live == 0)
		loop_defer(server->loop, &server->check);
}

void server_conn_gone(struct server *server, const struct stream *stream)
{
	server->n_conns--;
	if (stream->label)
		server_forget_label(server, stream->label);
	check_drained(server);
}

void server_exchange_gone(struct server *server)
{
	check_drained(server);
}

void server_drain_gently(struct server *server)
{
	if (server->is_draining)
		return;
	server->is_draining = true;
	check_drained(server);
}

void server_close_idle(struct server *server)
{
	if (server->closes_idle)
		return;
	server->closes_idle = true;
	conn_drain_all(&server->early);
	list_for_each_safe (link, &server->conns)
		h1_conn_drain(list_entry(link, struct h1_conn, link));
}

void server_drain(struct server *server)
{
	server_drain_gently(server);
	server_close_idle(server);
	h1_tunnel_drain_all(&server->tunnels);
}

void server_close_all(struct server *server)
{
	conn_close_all(&server->early);
	list_for_each_safe (link, &server->conns)
		h1_conn_lost(list_entry(link, struct h1_conn, link));
	list_for_each_safe (link, &server->tunnels.open)
		h1_tunnel_lost(list_entry(link, struct h1_tunnel, link), "the worker stops");
}
