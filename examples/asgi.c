/*
 * asgi.c - the floor under the everyday calls: a scope that describes the
 * request, receive for what comes in, send for what goes out. The three words
 * and their rules are those of Python's ASGI 3.
 *
 *	curl -i http://127.0.0.1:8000/asgi
 *
 * On this floor one can write middleware: a layer between handlers and the
 * connection that sees all events. The one below adds a header to every answer
 * of the routes that list it:
 *
 *	middleware: [asgi.served_by]
 *
 * It works for any handler, also for those that never heard of this floor.
 */
#include <unistd.h>
#include <weir/weir.h>

/* Reads what is left of the request's body, and forgets it. */
static int read_to_end(weir_req *req)
{
	weir_event ev;
	int r;

	do {
		r = weir_receive(req, &ev);
		if (r < 0)
			return r;
		if (ev.type == WEIR_HTTP_DISCONNECT)
			return -EPIPE;
	} while (ev.more);
	return 0;
}

static int hello(weir_req *req)
{
	const weir_header type = { WEIR_STR("content-type"), WEIR_STR("text/plain") };
	const weir_event start = {
		.type = WEIR_HTTP_START, .status = 200, .headers = &type, .n_headers = 1
	};
	weir_event body = { .type = WEIR_HTTP_BODY, .more = 1 };
	int r;

	r = read_to_end(req);
	if (r < 0)
		return r;
	r = weir_send(req, &start);
	if (r < 0)
		return r;

	body.body = weir_printf(req, "hello, %.*s\n", WEIR_ARG(req->scope->client));
	r = weir_send(req, &body);
	if (r < 0)
		return r;

	/* The last one says so. */
	body.body = weir_printf(req, "you asked for %.*s\n", WEIR_ARG(req->scope->path));
	body.more = 0;
	return weir_send(req, &body);
}

/* Every event that any handler of the route sends comes through here. */
static int add_served_by(const weir_io *io, weir_req *req, const weir_event *ev)
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
	headers[ev->n_headers].name = WEIR_STR("x-served-by");
	headers[ev->n_headers].value = weir_printf(req, "weir worker %d", (int)getpid());

	changed.headers = headers;
	changed.n_headers = ev->n_headers + 1;
	return io->next->send(io->next, req, &changed);
}

WEIR_MIDDLEWARE(served_by, NULL, add_served_by); /* NULL: what is received is handed on */

WEIR_MODULE(.name = "asgi", .handlers = WEIR_HANDLERS({ "hello", hello, "GET", "/asgi", 0 }));
