/*
 * e2e_asgi.c - the floor under weir/http.h, for tests/e2e: handlers that send
 * events in and out of order, and layers of middleware that do the same.
 */
#include <weir/weir.h>

static int send_start(weir_req *req, int code)
{
	return weir_send(req, &(weir_event){ .type = WEIR_HTTP_START, .status = code });
}

static int send_body(weir_req *req, weir_str bytes, bool more)
{
	return weir_send(req, &(weir_event){ .type = WEIR_HTTP_BODY, .body = bytes, .more = more });
}

static int too_early(weir_req *req)
{
	return send_body(req, WEIR_STR("too early"), false);
}

static int start_twice(weir_req *req)
{
	int r;

	r = send_start(req, 200);
	return r < 0 ? r : send_start(req, 200);
}

static int too_late(weir_req *req)
{
	int r;

	r = send_start(req, 200);
	if (r >= 0)
		r = send_body(req, WEIR_STR("all\n"), false);
	return r < 0 ? r : send_body(req, WEIR_STR("too late"), false);
}

static int bad_status(weir_req *req)
{
	return send_start(req, 99);
}

static int bad_field(weir_req *req)
{
	weir_header field = { WEIR_STR("connection"), WEIR_STR("upgrade") };

	return weir_send(req, &(weir_event){ .type = WEIR_HTTP_START,
					     .status = 200,
					     .headers = &field,
					     .n_headers = 1 });
}

static int websocket(weir_req *req)
{
	return weir_send(req, &(weir_event){ .type = WEIR_WS_ACCEPT });
}

/* Echoes event by event, and then hears that the client has gone. */
static int echo(weir_req *req)
{
	weir_event ev = { 0 };
	int r;

	r = send_start(req, 200);
	if (r < 0)
		return r;
	do {
		r = weir_receive(req, &ev);
		if (r >= 0)
			r = send_body(req, ev.body, true);
	} while (r >= 0 && ev.more);
	for (size_t i = 0; r >= 0 && i < ev.n_headers; i++)
		r = send_body(req,
			      weir_printf(req, "%.*s=%.*s;", WEIR_ARG(ev.headers[i].name),
					  WEIR_ARG(ev.headers[i].value)),
			      true);
	if (r >= 0 && weir_query_get(req, "wait").ptr)
		r = weir_receive(req, &ev);
	weir_log(req, WEIR_LOG_INFO, "echo ended with %d, last event %u", r, ev.type);
	return r < 0 ? r : send_body(req, WEIR_STR(""), false);
}

/* ---- middleware */

static int add_tag(const weir_io *io, weir_req *req, const weir_event *ev, const char *tag)
{
	weir_event changed = *ev;
	weir_header *all;

	if (ev->type != WEIR_HTTP_START)
		return io->next->send(io->next, req, ev);
	all = weir_alloc(req, (ev->n_headers + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (ev->n_headers > 0)
		memcpy(all, ev->headers, ev->n_headers * sizeof(*all));
	all[ev->n_headers] = (weir_header){ WEIR_STR("x-passed"), weir_strz(tag) };
	changed.headers = all;
	changed.n_headers++;
	return io->next->send(io->next, req, &changed);
}

static int tag_outer(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return add_tag(io, req, ev, "outer");
}

static int tag_inner(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return add_tag(io, req, ev, "inner");
}

/* Whatever a handler says, it says twice. */
static int say_twice(const weir_io *io, weir_req *req, const weir_event *ev)
{
	int r;

	r = io->next->send(io->next, req, ev);
	return r < 0 ? r : io->next->send(io->next, req, ev);
}

/* Bodies as they come in, in capitals. */
static int shout(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	char *bytes;
	int r;

	r = io->next->receive(io->next, req, ret_ev);
	if (r < 0 || ret_ev->body.len == 0)
		return r;
	bytes = weir_alloc(req, ret_ev->body.len);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < ret_ev->body.len; i++) {
		char c = ret_ev->body.ptr[i];

		bytes[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	ret_ev->body.ptr = bytes;
	return r;
}

WEIR_MIDDLEWARE(outer, NULL, tag_outer);
WEIR_MIDDLEWARE(inner, NULL, tag_inner);
WEIR_MIDDLEWARE(twice, NULL, say_twice);
WEIR_MIDDLEWARE(shout, shout, NULL);

/* clang-format off */
#define ENTRY(name) { #name, name, NULL, NULL, 0 }
/* clang-format on */

WEIR_MODULE(.name = "e2e_asgi",
	    .handlers = WEIR_HANDLERS(ENTRY(too_early), ENTRY(start_twice), ENTRY(too_late),
				      ENTRY(bad_status), ENTRY(bad_field), ENTRY(websocket),
				      ENTRY(echo)));
