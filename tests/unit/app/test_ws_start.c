/* test_ws_start.c - which handshakes get to a handler, and how others are refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "app/ws.h"
#include "app_ws.h"

static int n_called;

static int accept(weir_req *req)
{
	weir_ws *ws;

	n_called++;
	return weir_ws_accept(req, NULL, &ws);
}

/* Of a whole handshake, this field with another value; value NULL: left out. */
static const char *ask_with(struct app_world *a, const char *method, const char *name,
			    const char *value)
{
	static const char *const fields[][2] = {
		{ "Host", "x" },
		{ "Connection", "keep-alive, Upgrade" },
		{ "Upgrade", "websocket" },
		{ "Sec-WebSocket-Version", "13" },
		{ "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==" },
		{ "Origin", "http://x" },
		{ "Sec-WebSocket-Extensions", "permessage-deflate" },
	};
	struct client *c = client_new(a->w);
	char request[1024];
	size_t n;

	n = (size_t)snprintf(request, sizeof(request), "%s / HTTP/1.1\r\n", method);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *v = strcmp(fields[i][0], name) == 0 ? value : fields[i][1];

		if (v)
			n += (size_t)snprintf(request + n, sizeof(request) - n, "%s: %s\r\n",
					      fields[i][0], v);
	}
	(void)snprintf(request + n, sizeof(request) - n, "\r\n");
	client_send(c, request);
	return client_text(c);
}

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

Test(ws_start, refuses_a_handshake_that_is_none_before_its_handler_runs)
{
	static const struct {
		const char *name, *value, *status, *field;
	} rows[] = {
		{ "Connection", "keep-alive", "HTTP/1.1 426 ", "upgrade: websocket\r\n" },
		{ "Upgrade", NULL, "HTTP/1.1 426 ", "sec-websocket-version: 13\r\n" },
		{ "Sec-WebSocket-Version", "8", "HTTP/1.1 426 ", "sec-websocket-version: 13\r\n" },
		{ "Sec-WebSocket-Key", "short", "HTTP/1.1 400 ", "" },
		{ "Sec-WebSocket-Key", NULL, "HTTP/1.1 400 ", "" },
		{ "Origin", "http://evil.example", "HTTP/1.1 403 ", "" },
		{ "Sec-WebSocket-Extensions", "permessage-deflate; =", "HTTP/1.1 400 ", "" },
	};
	struct app_world *a = app_world_new();

	app_ws_route(a, "/", accept)->ws->limits.has_deflate = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *text = ask_with(a, "GET", rows[i].name, rows[i].value);

		cr_assert(begins(text, rows[i].status) && strstr(text, rows[i].field), "%zu: %s", i,
			  text);
	}
	cr_assert_eq(n_called, 0);
	cr_assert(begins(ask_with(a, "GET", "", NULL), "HTTP/1.1 101 "));
	cr_assert_eq(n_called, 1);
	app_world_free(a);
}

Test(ws_start, says_which_method_there_is)
{
	struct app_world *a = app_ws_world(accept);
	const char *text;

	text = ask_with(a, "PUT", "", NULL);
	cr_assert(begins(text, "HTTP/1.1 405 ") && strstr(text, "allow: GET\r\n"), "%s", text);
	app_world_free(a);
}

Test(ws_start, takes_the_origins_of_the_route)
{
	static const weir_str origins[] = { { "https://shop.example", 20 } };
	struct app_world *a = app_world_new();
	struct route *route = app_ws_route(a, "/", accept);

	route->origins = origins;
	route->n_origins = 1;
	cr_assert(begins(ask_with(a, "GET", "Origin", "https://shop.example"), "HTTP/1.1 101 "));
	cr_assert(begins(ask_with(a, "GET", "", NULL), "HTTP/1.1 403 "));
	cr_assert(begins(ask_with(a, "GET", "Origin", NULL), "HTTP/1.1 101 "));
	app_world_free(a);
}

Test(ws_start, agrees_on_compression_where_the_route_does)
{
	struct app_world *a = app_world_new();
	struct route *route = app_ws_route(a, "/", accept);

	route->ws->limits.deflate = (struct ws_deflate_config){ 15, 15, false };
	cr_assert_null(strstr(ask_with(a, "GET", "", NULL), "sec-websocket-extensions"));
	cr_assert(begins(ask_with(a, "GET", "Sec-WebSocket-Extensions", ";"), "HTTP/1.1 400 "));
	route->ws->limits.has_deflate = true;
	cr_assert(strstr(ask_with(a, "GET", "", NULL),
			 "sec-websocket-extensions: permessage-deflate"));
	app_world_free(a);
}

static int echo_once(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_ws_recv(ws, &message);
	return r > 0 ? weir_ws_send(ws, message) : r;
}

Test(ws_start, loses_nothing_that_came_with_the_handshake)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);
	static const char request[] =
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"\r\n\x81\x85\0\0\0\0early";

	app_ws_route(a, "/", echo_once);
	client_send_bytes(c, request, sizeof(request) - 1);
	cr_assert_str_eq(app_ws_text(c), "101 text:early close:1000");
	app_world_free(a);
}
