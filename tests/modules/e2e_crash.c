/*
 * e2e_crash.c - handlers that end their worker, each in its own way: what
 * crash_limit counts, and what it does not. By abort(), which sanitizers leave alone.
 */
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

static int show_pid(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%d\n", (int)getpid()));
}

static int in_handler(weir_req *req)
{
	abort();
}

/* ---- not in the handler's own task */

static int abort_later(void *arg)
{
	int r;

	r = weir_sleep(1);
	if (r < 0)
		return r;
	abort();
}

static int in_spawned(weir_req *req)
{
	WEIR_GROUP(group, WEIR_ALL);
	(void)weir_spawn(group, abort_later, NULL);
	return weir_join(group);
}

static int begin(weir_app *app)
{
	weir_app_set_state(app, app);
	return 0;
}

static int in_background_now(weir_req *req, void *arg)
{
	return abort_later(arg);
}

static int in_background(weir_req *req)
{
	int r;

	r = weir_app_spawn(req->state, in_background_now, NULL);
	return r < 0 ? r : weir_respond(req, 200, "text/plain", WEIR_STR("soon\n"));
}

/* ---- WebSockets */

static int in_session(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_ws_recv(ws, &message);
	if (r <= 0)
		return r;
	abort();
}

static int on_message(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	abort();
}

static int on_open(weir_req *req, void *state)
{
	weir_ws *ws;

	return weir_ws_accept(req, NULL, &ws);
}

WEIR_WS_HANDLERS(in_message, .open = on_open, .message = on_message);

WEIR_MODULE(.name = "e2e_crash", .startup = begin,
	    .handlers = WEIR_HANDLERS({ "pid", show_pid, "GET", "/pid", 0 },
				      { "in_handler", in_handler, "GET", NULL, 0 },
				      { "in_spawned", in_spawned, "GET", NULL, 0 },
				      { "in_background", in_background, "GET", NULL, 0 },
				      { "in_session", in_session, "WS", NULL, 0 },
				      { .name = "in_message", .method = "WS", .ws = &in_message }));
