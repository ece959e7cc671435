/*
 * clock.c - two tasks of one session: one tells the time every second, the
 * other answers. Whichever ends first ends the other.
 *
 *	/ws/clock
 */
#include <weir/weir.h>

struct seat {
	weir_req *req;
	weir_ws *ws;
};

static int answer(void *arg)
{
	const struct seat *seat = arg;
	weir_str line;
	int r;

	while ((r = weir_ws_recv(seat->ws, &line)) > 0) {
		WEIR_SCRATCH(seat->req); /* the session may live for days */
		weir_str text = weir_printf(seat->req, "you said %.*s", WEIR_ARG(line));

		r = weir_ws_send(seat->ws, text);
		if (r < 0)
			break;
	}
	return r;
}

static int tick(void *arg)
{
	const struct seat *seat = arg;
	int r;

	for (;;) {
		WEIR_SCRATCH(seat->req);
		weir_str time = weir_printf(seat->req, "%lld", (long long)weir_now_ms());

		/* A client that takes nothing for five seconds is not interested. */
		r = weir_within(5000, weir_ws_send(seat->ws, time));
		if (r < 0)
			return r;
		r = weir_sleep(1000);
		if (r < 0)
			return r;
	}
}

static int show(weir_req *req)
{
	struct seat seat = { .req = req };
	int r;

	r = weir_ws_accept(req, NULL, &seat.ws);
	if (r < 0)
		return r;

	WEIR_GROUP(g, WEIR_FIRST);
	weir_spawn(g, answer, &seat);
	weir_spawn(g, tick, &seat);
	return weir_join(g);
}

WEIR_MODULE(.name = "clock", .handlers = WEIR_HANDLERS({ "clock", show, "WS", "/ws/clock", 0 }));
