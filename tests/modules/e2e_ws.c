/*
 * e2e_ws.c - WebSocket sessions for tests/e2e: they refuse, close, talk without
 * being asked, or do not listen, as the path says.
 */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static uint64_t number(weir_str text, uint64_t fallback)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n = n * 10 + (uint64_t)(text.ptr[i] - '0');
	return text.len > 0 ? n : fallback;
}

static uint64_t query_number(weir_req *req, const char *name, uint64_t fallback)
{
	return number(weir_query_get(req, name), fallback);
}

/* Says no, as no server has to. */
static int refuse(weir_req *req)
{
	int r;

	r = weir_set_header(req, "x-why", WEIR_STR("full"));
	if (r < 0)
		return r;
	return weir_respond(req, (int)number(weir_param(req, "status"), 403), "text/plain",
			    WEIR_STR("no room\n"));
}

static int fail_before(weir_req *req)
{
	return -EIO;
}

/* Nothing at all: neither accepted nor refused. */
static int say_nothing(weir_req *req)
{
	return 0;
}

static int with_fields(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_set_header(req, "x-extra", WEIR_STR("one"));
	if (r >= 0)
		r = weir_set_header(req, "set-cookie", WEIR_STR("a=b"));
	if (r >= 0)
		r = weir_ws_accept(req, NULL, &ws);
	return r;
}

/* What came, then how it ended, in the log: "ended with 1000 'bye', result 0". */
static int log_end(weir_req *req, weir_ws *ws, int result)
{
	weir_log(req, WEIR_LOG_INFO, "ended with %d '%.*s', result %d", weir_ws_close_code(ws),
		 WEIR_ARG(weir_ws_close_reason(ws)), result);
	return result;
}

static int listen_only(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv(ws, &message)) > 0)
		;
	return log_end(req, ws, r);
}

/* Closes when the first message has come, and goes on listening. */
static int close_with(weir_req *req)
{
	char reason[124] = "";
	weir_str asked, message;
	weir_ws *ws;
	int r;

	asked = weir_query_get(req, "reason");
	if (asked.len >= sizeof(reason))
		return WEIR_STATUS(400);
	if (asked.len > 0)
		memcpy(reason, asked.ptr, asked.len);
	r = weir_ws_accept(req, NULL, &ws);
	if (r >= 0)
		r = weir_ws_recv(ws, &message);
	if (r <= 0)
		return r;
	r = weir_ws_close(ws, (int)number(weir_param(req, "code"), 1000), reason);
	if (r < 0)
		return log_end(req, ws, r);
	return log_end(req, ws, weir_ws_recv(ws, &message));
}

/* Returns what the path says, when the first message has come. */
static int leave_with(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r >= 0)
		r = weir_ws_recv(ws, &message);
	return r < 0 ? r : -(int)number(weir_param(req, "errno"), 0);
}

/* n messages of that size; then it listens. */
static int push(weir_req *req)
{
	uint64_t n = query_number(req, "n", 1), size = query_number(req, "size", 10);
	char *bytes = weir_alloc(req, size + 1);
	weir_str message;
	weir_ws *ws;
	int r;

	if (!bytes)
		return -ENOMEM;
	memset(bytes, 'x', size);
	r = weir_ws_accept(req, NULL, &ws);
	for (uint64_t i = 0; i < n && r >= 0; i++)
		r = weir_ws_send(ws, (weir_str){ bytes, size });
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		;
	return log_end(req, ws, r);
}

/* Reads nothing, until it is cancelled or the session is closed. */
static int ignore(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	/* 1006: who vanished, for which it will be cancelled. */
	while (r >= 0 && (weir_ws_close_code(ws) == 0 || weir_ws_close_code(ws) == 1006))
		r = weir_sleep(5);
	return log_end(req, ws, r);
}

struct seat {
	unsigned n;
};

static int count(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	struct seat *seat = state;
	char text[32];

	seat->n++;
	if (weir_str_eq(message, WEIR_STR("fail")))
		return -EIO;
	if (weir_str_eq(message, WEIR_STR("close")))
		return weir_ws_close(ws, 4001, "asked");
	if (weir_str_eq(message, WEIR_STR("sleep"))) {
		int r = weir_sleep(50);

		if (r < 0)
			return r;
	}
	return weir_ws_send(
		ws, (weir_str){ text, (size_t)snprintf(text, sizeof(text), "%u", seat->n) });
}

static void counted(weir_req *req, weir_ws *ws, void *state)
{
	const struct seat *seat = state;

	weir_log(req, WEIR_LOG_INFO, "counted %u, closed with %d", seat->n, weir_ws_close_code(ws));
}

WEIR_WS_HANDLERS(counter, .state_size = sizeof(struct seat), .message = count, .close = counted);

static int no_entry(weir_req *req, void *state)
{
	return weir_respond(req, 401, "text/plain", WEIR_STR("who are you\n"));
}

WEIR_WS_HANDLERS(closed_door, .state_size = sizeof(struct seat), .open = no_entry, .message = count,
		 .close = counted);

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello\n"));
}

WEIR_MODULE(.name = "e2e_ws",
	    .handlers = WEIR_HANDLERS(
		    { "hello", hello, "GET", "/hello", 0 },
		    { "refuse", refuse, "WS", "/refuse/{status}", 0 },
		    { "fail_before", fail_before, "WS", "/fail", 0 },
		    { "say_nothing", say_nothing, "WS", "/nothing", 0 },
		    { "with_fields", with_fields, "WS", "/fields", 0 },
		    { "listen_only", listen_only, "WS", "/listen", 0 },
		    { "close_with", close_with, "WS", "/close/{code}", 0 },
		    { "leave_with", leave_with, "WS", "/leave/{errno}", 0 },
		    { "push", push, "WS", "/push", 0 }, { "ignore", ignore, "WS", "/ignore", 0 },
		    { .name = "counter", .method = "WS", .path = "/counter", .ws = &counter },
		    { .name = "closed_door",
		      .method = "WS",
		      .path = "/closed-door",
		      .ws = &closed_door }));
