/*
 * e2e_flow.c - WebSockets and topics in numbers: publishing from wherever that
 * is allowed, subscriptions of every kind, and sessions that send more than
 * their client takes.
 *
 *	GET /pid
 *	GET /publish/{topic}?text=…&n=…&size=…&shared=1	n messages, "TEXT N", filled up
 *	WS  /relay/{topic}?prefix=1&shared=1&slow=1&queue=…	a relayed subscription; what
 *		the client says is published on the topic
 *	WS  /halves/{topic}?size=…	the same, and for each message half of one
 *	WS  /next/{topic}?…	one publication for each message: "LOST TOPIC TEXT"
 *	WS  /passing/{topic}	for each message a subscription that comes, hears it, and goes
 *	WS  /flood?n=…&size=…	n messages, when the client has said something
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

/* meson.build builds it twice: topics of another module are other topics. */
#ifndef MODULE_NAME
#define MODULE_NAME "e2e_flow"
#endif

#define MOST ((uint64_t)1 << 40)

static uint64_t number(weir_req *req, const char *name, uint64_t otherwise)
{
	weir_str text = weir_query_get(req, name);
	uint64_t n = 0;

	if (text.len == 0)
		return otherwise;
	for (size_t i = 0; i < text.len && n < MOST; i++)
		n = n * 10 + (uint64_t)(text.ptr[i] - '0');
	return n;
}

static int show_pid(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%d\n", (int)getpid()));
}

/* ---- publishing */

static int begin(weir_app *app)
{
	weir_req *req = weir_app_req(app);

	return weir_publish(req, WEIR_STR("startup"), weir_printf(req, "%d", (int)getpid()), 0);
}

static int publish(weir_req *req)
{
	weir_str topic = weir_param(req, "topic"), text = weir_query_get(req, "text");
	uint64_t n = number(req, "n", 1), size = number(req, "size", 0);
	uint32_t flags = number(req, "shared", 0) ? WEIR_SHARED : 0;
	int r = 0;

	for (uint64_t i = 0; i < n && r >= 0; i++) {
		WEIR_SCRATCH(req);
		weir_str message = weir_printf(req, "%.*s %llu%*s", WEIR_ARG(text),
					       (unsigned long long)i, (int)size, "");

		if (size > 0)
			message.len = size;
		r = weir_publish(req, topic, message, flags);
	}
	return r < 0 ? r : weir_respond(req, 200, "text/plain", WEIR_STR("published\n"));
}

/* ---- subscribing */

static int subscribe(weir_req *req, weir_sub **ret_sub)
{
	return weir_subscribe(req, ret_sub, .topic = weir_param(req, "topic"),
			      .prefix = number(req, "prefix", 0) > 0,
			      .shared = number(req, "shared", 0) > 0,
			      .end_if_slow = number(req, "slow", 0) > 0,
			      .queue = (uint32_t)number(req, "queue", 0));
}

/* Accepted when it is subscribed: who has the answer hears everything. */
static int relay(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	weir_ws *ws;
	int r;

	r = subscribe(req, &sub);
	if (r >= 0)
		r = weir_ws_accept(req, NULL, &ws);
	if (r >= 0)
		r = weir_ws_relay(ws, sub, 0);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		r = weir_publish(req, weir_param(req, "topic"), message, 0);
		if (r < 0)
			return r;
	}
	weir_log(req, WEIR_LOG_INFO, "the relay ended: %d", weir_ws_close_code(ws));
	return r;
}

/* The first half of a message for each one that comes, then the other. */
static int halves(weir_req *req)
{
	uint64_t size = number(req, "size", 8), n = 0;
	char *text = weir_alloc(req, size);
	weir_str message;
	weir_sub *sub;
	weir_ws *ws;
	int r;

	if (!text)
		return -ENOMEM;
	memset(text, 'x', size);
	r = subscribe(req, &sub);
	if (r >= 0)
		r = weir_ws_accept(req, NULL, &ws);
	if (r >= 0)
		r = weir_ws_relay(ws, sub, 0);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		r = weir_ws_send_piece(ws, (weir_str){ text, size }, true, n++ % 2 == 1);
	return r;
}

static int tell_next(weir_req *req, weir_ws *ws, weir_sub *sub)
{
	WEIR_SCRATCH(req);
	weir_str text, topic;
	int r;

	r = weir_sub_next(sub, &text);
	if (r == -EPIPE)
		return weir_ws_send(
			ws, weir_printf(req, "ended %llu", (unsigned long long)weir_sub_lost(sub)));
	if (r < 0)
		return r;
	topic = weir_sub_topic(sub);
	return weir_ws_send(ws, weir_printf(req, "%llu %.*s %.*s",
					    (unsigned long long)weir_sub_lost(sub), WEIR_ARG(topic),
					    WEIR_ARG(text)));
}

static int next(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	weir_ws *ws;
	int r;

	r = subscribe(req, &sub);
	if (r >= 0)
		r = weir_ws_accept(req, NULL, &ws);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		r = tell_next(req, ws, sub);
	return r;
}

static int hear_once(weir_req *req, weir_ws *ws, weir_str message)
{
	weir_str topic = weir_param(req, "topic"), heard;
	weir_sub *sub;
	int r;

	r = weir_subscribe(req, &sub, .topic = topic);
	if (r < 0)
		return r;
	r = weir_publish(req, topic, message, 0);
	if (r >= 0)
		r = weir_sub_next(sub, &heard);
	if (r >= 0)
		r = weir_ws_send(ws, heard);
	weir_unsubscribe(sub);
	return r;
}

static int passing(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		r = hear_once(req, ws, message);
	return r;
}

/* ---- more than a client takes */

static int flood_with(weir_req *req, weir_ws *ws, uint64_t n, weir_str filling)
{
	char *text = (char *)(uintptr_t)filling.ptr;

	for (uint64_t i = 0; i < n; i++) {
		int len = snprintf(text, 24, "%llu", (unsigned long long)i);
		int r;

		text[len] = ' ';
		r = weir_ws_send(ws, filling);
		if (r < 0) {
			weir_log(req, WEIR_LOG_INFO, "the flood ended at %llu with %d",
				 (unsigned long long)i, r);
			return r;
		}
	}
	weir_log(req, WEIR_LOG_INFO, "the flood is over: %llu", (unsigned long long)n);
	return 0;
}

static int flood(weir_req *req)
{
	uint64_t n = number(req, "n", 1), size = number(req, "size", 64);
	weir_str message;
	weir_ws *ws;
	char *text;
	int r;

	text = weir_alloc(req, size < 64 ? 64 : size);
	if (!text)
		return -ENOMEM;
	memset(text, 'x', size);
	r = weir_ws_accept(req, NULL, &ws);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		r = flood_with(req, ws, n, (weir_str){ text, size });
	if (r == 0)
		weir_log(req, WEIR_LOG_INFO, "the flooded one is closed: %d",
			 weir_ws_close_code(ws));
	return r;
}

WEIR_MODULE(.name = MODULE_NAME, .startup = begin,
	    .handlers = WEIR_HANDLERS({ "pid", show_pid, "GET", "/pid", 0 },
				      { "publish", publish, "GET", "/publish/{topic}", 0 },
				      { "relay", relay, "WS", "/relay/{topic}", 0 },
				      { "halves", halves, "WS", "/halves/{topic}", 0 },
				      { "next", next, "WS", "/next/{topic}", 0 },
				      { "passing", passing, "WS", "/passing/{topic}", 0 },
				      { "flood", flood, "WS", "/flood", 0 }));
