/*
 * index.c - the demo's front page: every route, each with a line to try it, in a
 * shell or, for WebSockets, in a browser.
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
	const char *curl; /* "curl", then this, then the address; NULL: a WebSocket */
	const char *path;
};

static const struct entry entries[] = {
	{ "this list", "", "/" },
	{ "a greeting", "", "/hello" },
	{ "the body you send, streamed back", "-d 'any text'", "/echo" },
	{ "the JSON you send, wrapped", "-H 'content-type: application/json' -d '[1, 2]'",
	  "/echo/json" },
	{ "an event every second, until you leave", "-N", "/ticks" },
	{ "what others tell you, as it comes: leave this running", "-N", "/events/news" },
	{ "tells them", "-d 'it rains'", "/events/news" },
	{ "ten tasks at once, all awaited", "", "/fanout?n=10" },
	{ "three tasks, the fastest wins", "", "/fanout/race" },
	{ "five tasks, each reported when it ends", "-N", "/fanout/ordered" },
	{ "a file, or a part of it: -r 6-9 (1KiB.bin, 100KiB.bin and 10MiB.bin are there, too)", "",
	  "/static/hello.txt" },
	{ "size and SHA-256 of a file", "-T LICENSE", "/upload" },
	{ "an answer after half a second", "", "/sleep/500" },
	{ "a greeting through scope, receive and send, with middleware", "-i", "/asgi" },
	{ "a counter in the module's memory", "", "/state" },
	{ "how many primes there are below that, and how far it is", "-N", "/primes/1000000" },
	{ "the same with a page: cancel it, and its process is gone", "", "/primes" },
	{ "a password's hash, made by a job", "-d 'correct horse'", "/hash" },
	{ "CPU time, burned in a job, a thread or the loop", "", "/burn/500?where=job" },
	{ "a job that crashes: nobody else notices (where=handler takes a worker)", "",
	  "/crash?where=job" },
	{ "a page to chat with: open it in two windows of a browser", "", "/chat" },
	{ "how the daemon is, live: open it in a browser", "", "/status" },
	{ "the same in numbers, for Prometheus", "", "/metrics" },
	{ "what you send comes back", NULL, "/ws/echo" },
	{ "the same, up to 1 MiB", NULL, "/ws/echo-small" },
	{ "the same, compressed", NULL, "/ws/echo-deflate" },
	{ "the same by pieces, of any size", NULL, "/ws/echo-pieces" },
	{ "the same by a function for each message", NULL, "/ws/message-echo" },
	{ "everybody in a room hears everybody", NULL, "/ws/chat/lobby?name=ann" },
	{ "the time every second, and an answer meanwhile", NULL, "/ws/clock" },
};

static int show_curl(weir_req *req, const struct entry *e, weir_str host)
{
	return weir_writef(req, "# %s\ncurl %s%s'http://%.*s%s'\n\n", e->what, e->curl,
			   e->curl[0] ? " " : "", WEIR_ARG(host), e->path);
}

/* Browsers let a page speak to the server that it came from. */
static int show_websocket(weir_req *req, const struct entry *e, weir_str host)
{
	return weir_writef(req,
			   "# %s (paste it into the console of a browser that shows http://%.*s/)\n"
			   "ws = new WebSocket('ws://%.*s%s'); ws.onopen = () => ws.send('hello'); "
			   "ws.onmessage = (event) => console.log(event.data);\n\n",
			   e->what, WEIR_ARG(host), WEIR_ARG(host), e->path);
}

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

		r = e->curl ? show_curl(req, e, host) : show_websocket(req, e, host);
		if (r < 0)
			return r;
	}
	return 0;
}

WEIR_MODULE(.name = "index", .handlers = WEIR_HANDLERS({ "list", list, "GET", "/", 0 }));
