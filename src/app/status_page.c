/*
 * status_page.c - see status_page.h. Whoever looks has a task that waits for the
 * client to leave, with a deadline: each time that this passes, it sends what is
 * new. What is sent is a copy, because the next one may be made meanwhile.
 */
#include "app/status_page.h"

#include <errno.h>
#include <weir/coro.h>
#include <weir/ws.h>

#include "app/req.h"
#include "app/site.h"
#include "app/status_html.h"
#include "base/buf.h"
#include "coro/sched.h"

#define EVERY_MS 1000
/* Against our own mistakes. */
#define JSON_MAX ((size_t)4 << 20)

static int show_page(weir_req *req)
{
	const weir_header fields[] = {
		{ WEIR_STR("cache-control"), WEIR_STR("no-store") },
		{ WEIR_STR("content-security-policy"), WEIR_STR(STATUS_PAGE_POLICY) },
		{ WEIR_STR("x-content-type-options"), WEIR_STR("nosniff") },
		{ WEIR_STR("referrer-policy"), WEIR_STR("no-referrer") },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int r = weir_set_header(req, fields[i].name.ptr, fields[i].value);

		if (r < 0)
			return r;
	}
	return weir_respond(req, 200, "text/html; charset=utf-8",
			    (weir_str){ status_page_html, sizeof(status_page_html) - 1 });
}

struct look_call {
	const struct site_status *status;
	struct buf *out;
	int result;
};

static void look_outside(void *arg)
{
	struct look_call *call = arg;
	weir_str json;

	call->result = call->status->look(call->status->arg, &json);
	if (call->result >= 0)
		call->result = buf_append_str(call->out, json);
}

static int tell(weir_ws *ws, const struct site_status *status)
{
	_cleanup_(buf_done) struct buf json = { .limit = JSON_MAX };
	struct look_call call = { .status = status, .out = &json };

	sched_outside(look_outside, &call);
	return call.result < 0 ? call.result : weir_ws_send(ws, buf_str(&json));
}

/* 1: a second has passed; 0: the session is closed. What the client says means nothing. */
static int wait_for_end(weir_ws *ws)
{
	int64_t until_ms = weir_now_ms() + EVERY_MS;
	weir_str said;
	int r;

	do
		r = weir_within(until_ms - weir_now_ms(), weir_ws_recv(ws, &said));
	while (r > 0);
	return r == -ETIMEDOUT ? 1 : r;
}

static int show_news(weir_req *req, const struct site_status *status)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	do {
		r = tell(ws, status);
		if (r >= 0)
			r = wait_for_end(ws);
	} while (r > 0);
	return r;
}

int status_page(weir_req *req)
{
	const struct site_status *status = req_of(req)->site->status;

	if (!status)
		return WEIR_STATUS(404);
	return req->scope->type == WEIR_SCOPE_WEBSOCKET ? show_news(req, status) : show_page(req);
}
