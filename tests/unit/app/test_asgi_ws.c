/* test_asgi_ws.c - the events of WebSockets, for handlers and for layers around them. */
#include "app/asgi_ws.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <weir/asgi.h>
#include <weir/coro.h>
#include <weir/http.h>

#include "app/asgi.h"
#include "app_ws.h"

/* What a handler leaves for its test; each test is a process of its own. */
static int seen, seen_code;

static int send_event(weir_req *req, uint32_t type)
{
	return weir_send(req, &(weir_event){ .type = type });
}

/* ---- handlers */

static int echo(weir_req *req)
{
	weir_header field = { WEIR_STR("x-echo"), WEIR_STR("1") };
	weir_event ev;
	int r;

	cr_assert_eq(req->scope->type, WEIR_SCOPE_WEBSOCKET);
	r = weir_receive(req, &ev);
	if (r < 0)
		return r;
	cr_assert_eq(ev.type, WEIR_WS_CONNECT);
	r = weir_send(req, &(weir_event){ .type = WEIR_WS_ACCEPT,
					  .body = WEIR_STR("chat"),
					  .headers = &field,
					  .n_headers = 1 });
	if (r < 0)
		return r;
	while ((r = weir_receive(req, &ev)) >= 0 && ev.type == WEIR_WS_RECEIVE) {
		r = weir_send(
			req,
			&(weir_event){ .type = WEIR_WS_SEND, .body = ev.body, .text = ev.text });
		if (r < 0)
			return r;
	}
	seen = r < 0 ? r : (int)ev.type;
	seen_code = ev.status;
	return 0;
}

Test(asgi_ws, connects_accepts_echoes_and_disconnects)
{
	struct app_world *a = app_ws_world(echo);
	struct client *c = app_ws_open(a, "/", "Sec-WebSocket-Protocol: chat\r\n");

	cr_assert(strstr(client_text(c), "sec-websocket-protocol: chat\r\n"));
	cr_assert(strstr(client_text(c), "x-echo: 1\r\n"));
	app_ws_say(c, "hello");
	app_ws_frame(c, 0x82, "b", 1);
	cr_assert_str_eq(app_ws_text(c), "101 text:hello binary:b");
	app_ws_frame(c, 0x88, "\x0f\xa0", 2);
	cr_assert_eq(seen, WEIR_WS_DISCONNECT);
	cr_assert_eq(seen_code, 4000);
	app_world_free(a);
}

Test(asgi_ws, disconnects_with_1006_who_may_finish_anyway)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", echo)->flags = WEIR_FINISH_ANYWAY;
	c = app_ws_open(a, "/", "Sec-WebSocket-Protocol: chat\r\n");
	client_close(c);
	cr_assert_eq(seen, WEIR_WS_DISCONNECT);
	cr_assert_eq(seen_code, 1006);
	app_world_free(a);
}

static int close_first(weir_req *req)
{
	cr_assert_eq(send_event(req, WEIR_WS_CLOSE), 0);
	seen = send_event(req, WEIR_WS_ACCEPT);
	return 0;
}

Test(asgi_ws, sees_a_close_before_accept_as_403)
{
	struct app_world *a = app_ws_world(close_first);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert_str_eq(client_text(c), "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
	cr_assert_lt(seen, 0);
	app_world_free(a);
}

static int deny(weir_req *req)
{
	weir_event ev;
	int r;

	r = weir_send(req, &(weir_event){ .type = WEIR_HTTP_START, .status = 418 });
	if (r < 0)
		return r;
	r = weir_send(req, &(weir_event){ .type = WEIR_HTTP_BODY, .body = WEIR_STR("tea") });
	if (r < 0)
		return r;
	cr_assert_eq(weir_receive(req, &ev), 0);
	cr_assert_eq(ev.type, WEIR_WS_CONNECT);
	cr_assert_eq(weir_receive(req, &ev), 0);
	seen = (int)ev.type;
	return 0;
}

Test(asgi_ws, denies_with_an_http_response)
{
	struct app_world *a = app_ws_world(deny);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert(strstr(client_text(c), "HTTP/1.1 418 "));
	cr_assert(strstr(client_text(c), "tea"));
	cr_assert_eq(seen, WEIR_WS_DISCONNECT);
	app_world_free(a);
}

static int out_of_order(weir_req *req)
{
	weir_header broken = { WEIR_STR("x"), WEIR_STR("a\r\nb: c") };
	weir_header own = { WEIR_STR("Sec-WebSocket-Protocol"), WEIR_STR("x") };
	weir_header length = { WEIR_STR("content-length"), WEIR_STR("3") };

	cr_assert_eq(send_event(req, WEIR_WS_SEND), -EINVAL);
	cr_assert_eq(send_event(req, WEIR_WS_RECEIVE), -EINVAL);
	cr_assert_eq(weir_send(req, &(weir_event){ .type = WEIR_WS_ACCEPT,
						   .headers = &broken,
						   .n_headers = 1 }),
		     -EINVAL);
	cr_assert_eq(
		weir_send(req,
			  &(weir_event){ .type = WEIR_WS_ACCEPT, .headers = &own, .n_headers = 1 }),
		-EINVAL);
	cr_assert_eq(weir_send(req, &(weir_event){ .type = WEIR_WS_ACCEPT,
						   .headers = &length,
						   .n_headers = 1 }),
		     -EINVAL);
	cr_assert_eq(
		weir_send(req, &(weir_event){ .type = WEIR_WS_ACCEPT, .body = WEIR_STR("none") }),
		-EINVAL);
	cr_assert_eq(send_event(req, WEIR_WS_ACCEPT), 0);
	cr_assert_eq(send_event(req, WEIR_WS_ACCEPT), -EINVAL);
	cr_assert_lt(weir_send(req, &(weir_event){ .type = WEIR_HTTP_START, .status = 200 }), 0);
	cr_assert_eq(weir_send(req, &(weir_event){ .type = WEIR_WS_CLOSE, .status = 1006 }),
		     -EINVAL);
	cr_assert_eq(weir_send(req, &(weir_event){ .type = WEIR_WS_CLOSE,
						   .status = 4000,
						   .body = WEIR_STR("bye") }),
		     0);
	cr_assert_eq(send_event(req, WEIR_WS_SEND), -EPIPE);
	seen = 1;
	return 0;
}

Test(asgi_ws, refuses_what_is_out_of_order)
{
	struct app_world *a = app_ws_world(out_of_order);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert_str_eq(app_ws_text(c), "101 close:4000 bye");
	cr_assert_eq(seen, 1);
	cr_assert(strstr(h1_world_log(a->w), "websocket.send before websocket.accept"));
	app_world_free(a);
}

static int refused_then_waits(weir_req *req)
{
	weir_event ev;
	int r;

	r = weir_receive(req, &ev);
	if (r < 0)
		return r;
	seen = weir_receive(req, &ev);
	return seen;
}

Test(asgi_ws, waits_for_nothing_but_the_end_before_accept)
{
	struct app_world *a = app_ws_world(refused_then_waits);
	struct client *c = app_ws_open(a, "/", "");

	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	app_world_free(a);
}

/* ---- layers */

static char events[256];

static const char *event_word(uint32_t type)
{
	static const char *const words[] = { "connect", "accept", "receive",
					     "send",	"close",  "disconnect" };

	return type == WEIR_HTTP_START	? "start"
	       : type == WEIR_HTTP_BODY ? "body"
					: words[type - WEIR_WS_CONNECT];
}

static void note(char way, const weir_event *ev)
{
	size_t len = strlen(events);

	(void)snprintf(events + len, sizeof(events) - len, "%c%s ", way, event_word(ev->type));
}

static int note_receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	int r;

	r = io->next->receive(io->next, req, ret_ev);
	if (r >= 0)
		note('<', ret_ev);
	return r;
}

static int note_send(const weir_io *io, weir_req *req, const weir_event *ev)
{
	note('>', ev);
	return io->next->send(io->next, req, ev);
}

static int http_h_echo(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		if (weir_str_eq(message, WEIR_STR("close")))
			return weir_ws_close(ws, 4000, "asked");
		if (weir_str_eq(message, WEIR_STR("return")))
			return 0;
		cr_assert_eq(weir_ws_send_piece(ws, message, true, true), -EOPNOTSUPP);
		r = weir_ws_is_text(ws) ? weir_ws_send(ws, message)
					: weir_ws_send_binary(ws, message);
		if (r < 0)
			return r;
	}
	seen = r;
	return r;
}

static struct route *layered(struct app_world *a, weir_handler *fn)
{
	static weir_io layer = { note_receive, note_send, &asgi_io };
	struct route *route = app_ws_route(a, "/", fn);

	route->io = &layer;
	return route;
}

Test(asgi_ws, shows_layers_all_events_in_order)
{
	struct app_world *a = app_world_new();
	struct client *c;

	layered(a, http_h_echo);
	c = app_ws_open(a, "/", "");
	app_ws_say(c, "hello");
	app_ws_frame(c, 0x82, "b", 1);
	cr_assert_str_eq(app_ws_text(c), "101 text:hello binary:b");
	app_ws_close(c);
	cr_assert_str_eq(events, "<connect >accept <receive >send <receive >send <disconnect ");
	cr_assert_eq(seen, 0);
	app_world_free(a);
}

Test(asgi_ws, shows_layers_how_the_handler_closes)
{
	struct app_world *a = app_world_new();
	struct client *c;

	layered(a, http_h_echo);
	c = app_ws_open(a, "/", "");
	app_ws_say(c, "close");
	cr_assert_str_eq(app_ws_text(c), "101 close:4000 asked");
	cr_assert_str_eq(events, "<connect >accept <receive >close ");
	events[0] = '\0';
	c = app_ws_open(a, "/", "");
	app_ws_say(c, "return");
	cr_assert_str_eq(app_ws_text(c), "101 close:1000");
	cr_assert_str_eq(events, "<connect >accept <receive >close ");
	app_world_free(a);
}

Test(asgi_ws, tells_a_handler_behind_layers_that_its_client_vanished)
{
	struct app_world *a = app_world_new();
	struct client *c;

	layered(a, http_h_echo)->flags = WEIR_FINISH_ANYWAY;
	c = app_ws_open(a, "/", "");
	client_close(c);
	cr_assert_eq(seen, -EPIPE);
	cr_assert_str_eq(events, "<connect >accept <disconnect ");
	app_world_free(a);
}

static int write_denial(weir_req *req)
{
	int r;

	r = weir_start(req, 403, "text/plain");
	return r < 0 ? r : weir_write(req, WEIR_STR("no"));
}

Test(asgi_ws, shows_layers_a_denial_to_its_end)
{
	struct app_world *a = app_world_new();
	struct client *c;

	layered(a, write_denial);
	c = app_ws_open(a, "/", "");
	cr_assert(strstr(client_text(c), "\r\n\r\n2\r\nno\r\n0\r\n\r\n"), "%s", client_text(c));
	cr_assert_str_eq(events, ">start >body >body ");
	app_world_free(a);
}

static int deny_in_layer(const weir_io *io, weir_req *req, const weir_event *ev)
{
	if (ev->type == WEIR_WS_ACCEPT)
		return io->next->send(io->next, req, &(weir_event){ .type = WEIR_WS_CLOSE });
	return io->next->send(io->next, req, ev);
}

static int accept_only(weir_req *req)
{
	weir_ws *ws;

	seen = weir_ws_accept(req, NULL, &ws);
	return seen == -EPROTO ? 0 : seen;
}

Test(asgi_ws, lets_a_layer_refuse)
{
	static weir_io layer = { note_receive, deny_in_layer, &asgi_io };
	struct app_world *a = app_world_new();

	app_ws_route(a, "/", accept_only)->io = &layer;
	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/", "")), "403 ");
	cr_assert_eq(seen, -EPROTO);
	app_world_free(a);
}
