/*
 * ticks.c - an event every second, for as long as the reader stays
 * (server-sent events: what EventSource in a browser reads).
 *
 *	curl -N http://127.0.0.1:8000/ticks
 *
 * The loop has no end of its own. When the reader leaves, the handler is
 * cancelled: weir_sleep() or weir_writef() returns -ECANCELED, and the handler
 * returns. Thousands of these sleep at the same time in one thread.
 */
#include <weir/weir.h>

static int ticks(weir_req *req)
{
	int r;

	r = weir_set_header(req, "cache-control", WEIR_STR("no-store"));
	if (r < 0)
		return r;

	r = weir_start(req, 200, "text/event-stream");
	if (weir_str_eq(req->scope->method, WEIR_STR("HEAD")))
		return r; /* it has all it asked for, and would wait behind ticks that nobody is sent */
	for (int i = 0; r >= 0 && !weir_draining(req); i++) {
		r = weir_writef(req, "id: %d\ndata: %lld\n\n", i, (long long)weir_now_ms());
		if (r >= 0)
			r = weir_sleep(1000);
	}
	return r; /* -ECANCELED once the reader has gone: no harm, not logged */
}

WEIR_MODULE(.name = "ticks", .handlers = WEIR_HANDLERS({ "ticks", ticks, "GET", "/ticks", 0 }));
