/* app_ws.c - see app_ws.h. */
#include "app_ws.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- routes */

struct route *app_ws_route(struct app_world *a, const char *pattern, weir_handler *fn)
{
	struct route *route = app_world_route(a, pattern, fn);

	route->request_memory = 65536;
	route->is_websocket = true;
	route->ws_limits = (struct ws_limits){ .max_message = 1 << 20, .close_ms = 5000 };
	route->ws = &a->policies[route - a->routes];
	ws_policy_init(route->ws, &a->ws, route->name, &route->ws_limits);
	return route;
}

struct route *app_ws_turns(struct app_world *a, const char *pattern,
			   const weir_ws_handlers *handlers)
{
	struct route *route = app_ws_route(a, pattern, NULL);

	route->ws_handlers = handlers;
	return route;
}

struct app_world *app_ws_world(weir_handler *fn)
{
	struct app_world *a = app_world_new();

	app_ws_route(a, "/", fn);
	return a;
}

struct app_world *app_ws_turns_world(const weir_ws_handlers *handlers)
{
	struct app_world *a = app_world_new();

	app_ws_turns(a, "/", handlers);
	return a;
}

/* ---- a client */

struct client *app_ws_open(struct app_world *a, const char *target, const char *fields)
{
	struct client *c = client_new(a->w);
	char request[4096];

	(void)snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		       "Sec-WebSocket-Version: 13\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
		       target, fields);
	client_send(c, request);
	return c;
}

void app_ws_frame(struct client *c, uint8_t first, const void *payload, size_t len)
{
	char *frame = malloc(len + 14);
	size_t n = 0;

	frame[n++] = (char)first;
	if (len < 126) {
		frame[n++] = (char)(0x80 | len);
	} else {
		frame[n++] = (char)0xff;
		for (int i = 7; i >= 0; i--)
			frame[n++] = (char)((uint64_t)len >> 8 * i);
	}
	memset(frame + n, 0, 4); /* a mask that changes nothing */
	n += 4;
	if (len > 0)
		memcpy(frame + n, payload, len);
	client_send_bytes(c, frame, n + len);
	free(frame);
}

void app_ws_say(struct client *c, const char *text)
{
	app_ws_frame(c, 0x81, text, strlen(text));
}

void app_ws_close(struct client *c)
{
	app_ws_frame(c, 0x88, "\x03\xe8", 2);
}

/* ---- what it gets */

static const char *frame_word(uint8_t first)
{
	switch (first & 15) {
	case 0:
		return "rest";
	case 1:
		return first & 0x80 ? "text" : "more";
	case 2:
		return first & 0x80 ? "binary" : "more";
	case 8:
		return "close";
	case 9:
		return "ping";
	case 10:
		return "pong";
	default:
		return "strange";
	}
}

static void say_payload(struct buf *out, uint8_t first, const unsigned char *at, size_t len)
{
	buf_say(out, " %s:", frame_word(first));
	if ((first & 15) == 8 && len >= 2) {
		buf_say(out, "%d", at[0] << 8 | at[1]);
		if (len > 2)
			buf_say(out, " %.*s", (int)len - 2, (const char *)at + 2);
	} else if (len > 40) {
		buf_say(out, "%zu", len);
	} else {
		buf_say(out, "%.*s", (int)len, (const char *)at);
	}
}

/* The frame at the start of these bytes; how long it is, 0: it is not whole. */
static size_t say_frame(struct buf *out, const unsigned char *at, size_t left)
{
	size_t n = 2, len;

	if (left < n)
		return 0;
	len = at[1] & 127;
	if (len >= 126) {
		size_t bytes = len == 126 ? 2 : 8;

		if (left < n + bytes)
			return 0;
		len = 0;
		for (size_t i = 0; i < bytes; i++)
			len = len << 8 | at[n++];
	}
	if (left - n < len)
		return 0;
	say_payload(out, at[0], at + n, len);
	return n + len;
}

static size_t say_answer(struct buf *out, const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);

	if (!end)
		return 0;
	buf_say(out, "%.3s", text + strlen("HTTP/1.1 "));
	return (size_t)(end - text) + 4;
}

const char *app_ws_text(struct client *c)
{
	static _Thread_local char text[65536];
	struct buf out;
	size_t at, n;

	(void)client_text(c);
	buf_init(&out, sizeof(text) - 1);
	at = c->bytes.len > 0 ? say_answer(&out, c->bytes.data, c->bytes.len) : 0;
	if (at > 0 && memcmp(out.data, "101", 3) != 0) {
		buf_say(&out, " %.*s", (int)(c->bytes.len - at), c->bytes.data + at);
		at = 0;
	}
	while (at > 0 &&
	       (n = say_frame(&out, (unsigned char *)c->bytes.data + at, c->bytes.len - at)) > 0)
		at += n;
	if (at > 0 && at < c->bytes.len)
		buf_say(&out, " part:%zu", c->bytes.len - at);
	if (c->has_ended || c->was_reset)
		buf_say(&out, " end");
	(void)snprintf(text, sizeof(text), "%.*s", (int)out.len, out.len > 0 ? out.data : "");
	buf_done(&out);
	return text;
}
