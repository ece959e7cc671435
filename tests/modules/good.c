/* good.c - nothing is wrong with it. It calls nothing, so that it loads without a server. */
#include <weir/module.h>
#include <weir/ws.h>

static int user(weir_req *req)
{
	return 0;
}

static int chat(weir_req *req)
{
	return 0;
}

static int on_message(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	return 0;
}

WEIR_WS_HANDLERS(turns, .message = on_message);

static int stamp(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return io->next->send(io->next, req, ev);
}

WEIR_MIDDLEWARE(audit, NULL, stamp);

static int sum(weir_work *work, weir_str input)
{
	return 0;
}

WEIR_MODULE(.name = "good",
	    .handlers = WEIR_HANDLERS({ "user", user, "GET", "/users/{id}", WEIR_FINISH_ANYWAY },
				      { "users", user, NULL, NULL, 0 },
				      { "chat", chat, "WS", "/chat", 0 },
				      { .name = "turns", .method = "WS", .ws = &turns }),
	    .jobs = WEIR_JOBS({ "sum", sum }, { "noop", sum }));
