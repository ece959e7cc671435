/*
 * e2e_layers.c - two layers of middleware that leave their names on whatever
 * passes, for tests of the order.
 */
#include <weir/weir.h>

static int wrap_body(const weir_io *io, weir_req *req, weir_event *ret_ev, const char *name)
{
	int r;

	r = io->next->receive(io->next, req, ret_ev);
	if (r < 0 || ret_ev->type != WEIR_HTTP_REQUEST || ret_ev->body.len == 0)
		return r;
	ret_ev->body = weir_printf(req, "%s(%.*s)", name, WEIR_ARG(ret_ev->body));
	return ret_ev->body.ptr ? 0 : -ENOMEM;
}

static int sign_head(const weir_io *io, weir_req *req, const weir_event *ev, const char *name)
{
	weir_event changed = *ev;
	weir_header *headers;

	if (ev->type != WEIR_HTTP_START)
		return io->next->send(io->next, req, ev);
	headers = weir_alloc(req, (ev->n_headers + 1) * sizeof(*headers));
	if (!headers)
		return -ENOMEM;
	if (ev->n_headers > 0)
		memcpy(headers, ev->headers, ev->n_headers * sizeof(*headers));
	headers[ev->n_headers] = (weir_header){ WEIR_STR("x-passed"), weir_strz(name) };
	changed.headers = headers;
	changed.n_headers = ev->n_headers + 1;
	return io->next->send(io->next, req, &changed);
}

static int receive_outer(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return wrap_body(io, req, ret_ev, "outer");
}

static int send_outer(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return sign_head(io, req, ev, "outer");
}

static int receive_inner(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return wrap_body(io, req, ret_ev, "inner");
}

static int send_inner(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return sign_head(io, req, ev, "inner");
}

WEIR_MIDDLEWARE(outer, receive_outer, send_outer);
WEIR_MIDDLEWARE(inner, receive_inner, send_inner);

/* Refuses what has no key, before any handler runs: by answering in its place. */
static int ask_for_key(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	if (!weir_header_get(req, "x-key").ptr)
		return WEIR_STATUS(401);
	return io->next->receive(io->next, req, ret_ev);
}

WEIR_MIDDLEWARE(guard, ask_for_key, NULL);

static int echo(weir_req *req)
{
	weir_str body;
	int r;

	r = weir_body(req, 1000, &body);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", body);
}

WEIR_MODULE(.name = "e2e_layers", .handlers = WEIR_HANDLERS({ "echo", echo, "POST", "/", 0 }));
