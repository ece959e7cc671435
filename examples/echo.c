/*
 * echo.c - two ways to read a body.
 *
 *	curl -d 'any text' http://127.0.0.1:8000/echo
 *	curl -H 'content-type: application/json' -d '[1, 2]' http://127.0.0.1:8000/echo/json
 *
 * Piece by piece, it may be larger than memory: while a piece is written to a
 * slow reader, no further piece is read. Or all of it at once, up to a limit.
 */
#include <strings.h>
#include <weir/weir.h>

static int echo(weir_req *req)
{
	weir_str type = weir_header_get(req, "content-type");
	weir_str piece;
	int r, more;

	/* Before the answer starts: a body that is refused (413) is still refused properly. */
	more = weir_body_next(req, &piece);
	if (more < 0)
		return more;

	if (type.len == 0)
		type = WEIR_STR("application/octet-stream");
	r = weir_set_header(req, "content-type", type);
	if (r < 0)
		return r;
	r = weir_start(req, 200, NULL); /* NULL: the type is among the headers already */
	if (r < 0)
		return r;

	for (; more > 0; more = weir_body_next(req, &piece)) {
		r = weir_write(req, piece);
		if (r < 0)
			return r;
	}
	return more; /* 0 at the end; an error cuts the answer short, so that the client can tell */
}

/* "application/json", in any case; what may follow, "; charset=utf-8" say, changes nothing. */
static bool is_json(weir_str type)
{
	const weir_str wanted = WEIR_STR("application/json");

	if (type.len < wanted.len || strncasecmp(type.ptr, wanted.ptr, wanted.len) != 0)
		return false;
	return type.len == wanted.len || strchr("; \t", type.ptr[wanted.len]);
}

static int json(weir_req *req)
{
	weir_str body;
	int r;

	if (!is_json(weir_header_get(req, "content-type")))
		return weir_respond(req, 415, "text/plain", WEIR_STR("send JSON\n"));

	r = weir_body(req, 64 * 1024, &body);
	if (r < 0)
		return r; /* 413 if it was too large */

	/* No check of weir_printf: "nothing" in, -ENOMEM out. */
	return weir_respond(req, 200, "application/json",
			    weir_printf(req, "{\"you_sent\":%.*s}\n", WEIR_ARG(body)));
}

WEIR_MODULE(.name = "echo", .handlers = WEIR_HANDLERS({ "echo", echo, "POST", "/echo", 0 },
						      { "json", json, "POST", "/echo/json", 0 }));
