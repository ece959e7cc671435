/*
 * index.c - the demo's front page: every route, each with a line to try it.
 *
 *	curl http://127.0.0.1:8000/
 *
 * It shows how an answer is written piece by piece. weir_start() sends the
 * head, weir_writef() a piece of the body; what has been written is on its way
 * while the rest is still being made. A client that reads slowly makes
 * weir_writef() wait, and costs no memory meanwhile.
 */
#include <weir/weir.h>

struct entry {
	const char *what;
	const char *curl; /* "curl", then this, then the address */
	const char *path;
};

static const struct entry entries[] = {
	{ "this list", "", "/" },
	{ "a greeting", "", "/hello" },
	{ "the body you send, streamed back", "-d 'any text'", "/echo" },
	{ "the JSON you send, wrapped", "-H 'content-type: application/json' -d '[1, 2]'",
	  "/echo/json" },
	{ "an event every second, until you leave", "-N", "/ticks" },
	{ "ten tasks at once, all awaited", "", "/fanout?n=10" },
	{ "three tasks, the fastest wins", "", "/fanout/race" },
	{ "five tasks, each reported when it ends", "-N", "/fanout/ordered" },
	{ "size and SHA-256 of a file", "-T LICENSE", "/upload" },
	{ "an answer after half a second", "", "/sleep/500" },
	{ "a greeting through scope, receive and send, with middleware", "-i", "/asgi" },
	{ "a counter in the module's memory", "", "/state" },
};

static int list(weir_req *req)
{
	weir_str host = weir_header_get(req, "host");
	int r;

	if (host.len == 0)
		host = WEIR_STR("127.0.0.1:8000"); /* HTTP/1.0 need not say it */

	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *e = &entries[i];

		r = weir_writef(req, "# %s\ncurl %s%s'http://%.*s%s'\n\n", e->what, e->curl,
				e->curl[0] ? " " : "", WEIR_ARG(host), e->path);
		if (r < 0)
			return r;
	}
	return 0;
}

WEIR_MODULE(.name = "index", .handlers = WEIR_HANDLERS({ "list", list, "GET", "/", 0 }));
