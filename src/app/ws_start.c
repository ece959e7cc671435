/*
 * ws_start.c - from an exchange to a session's handler. The handshake is judged
 * before any handler runs (RFC 6455, section 4.2.1), so a handler only has to
 * say yes or no.
 */
#include "app/module.h"
#include "app/site.h"
#include "app/ws.h"
#include "proto/ws_deflate.h"

/* What an answer to a bad handshake carries (RFC 9110, section 15.5.22; RFC 6455, section 4.4). */
static size_t refusal_fields(enum fault fault, weir_header fields[3])
{
	if (fault == FAULT_WS_METHOD) {
		fields[0] = (weir_header){ WEIR_STR("allow"), WEIR_STR("GET") };
		return 1;
	}
	if (fault_status(fault) != 426)
		return 0;
	fields[0] = (weir_header){ WEIR_STR("upgrade"), WEIR_STR("websocket") };
	fields[1] = (weir_header){ WEIR_STR("sec-websocket-version"), WEIR_STR("13") };
	return 2;
}

static void refuse(struct exchange *ex, const struct route *route, enum fault fault)
{
	weir_header fields[3];
	size_t n = refusal_fields(fault, fields);

	req_refuse_for(ex, route->name, fault, fields, n);
}

/* FAULT_NONE, or why not. */
static enum fault judge(struct exchange *ex, const struct route *route, struct ws_hello *ret_hello,
			struct ws_offer *ret_offer)
{
	enum fault fault = FAULT_OVERLOADED; /* what -ENOMEM comes to */
	const struct ws_limits *limits = &route->ws->limits;
	int r;

	if (ws_hello_read(&ex->head, &ex->arena, ret_hello, &fault) < 0)
		return fault;
	if (!ws_hello_origin_ok(ret_hello, ex->scheme, ex->head.host, route->origins,
				route->n_origins))
		return FAULT_WS_ORIGIN;
	/* Malformed extensions fail a handshake whether or not any is spoken (RFC 6455, section 9.1). */
	r = ws_deflate_negotiate(ex->head.fields, ex->head.n_fields, &limits->deflate,
				 &ret_offer->deflate, &fault);
	if (r < 0)
		return fault;
	ret_offer->has_deflate = r > 0 && limits->has_deflate;
	return ws_hello_accept(ret_hello->key, ret_offer->accept) < 0 ? FAULT_OVERLOADED
								      : FAULT_NONE;
}

void ws_start(struct exchange *ex, const struct route *route, const struct router_match *match)
{
	struct ws_offer offer = { .is_accepted = false };
	struct ws_hello hello;
	enum fault fault;
	int r;

	fault = judge(ex, route, &hello, &offer);
	if (fault != FAULT_NONE) {
		refuse(ex, route, fault);
		return;
	}
	r = route->ws_handlers ? ws_turns_start(ex, route, match, &hello, &offer)
			       : ws_seat_start(ex, route, match, &hello, &offer);
	if (r < 0)
		refuse(ex, route, FAULT_OVERLOADED);
}
