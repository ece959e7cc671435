/* header_test.c - the examples of weir/test.h and weir/reply.h. */
#include <weir/test.h>

#include <criterion/criterion.h>

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello, world\n"));
}

static int echo(weir_req *req)
{
	weir_str body;
	int r;

	r = weir_body(req, 1000, &body);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "application/json", body);
}

Test(header_test, echo)
{
	const weir_reply *r = weir_test_call(echo, .method = "POST", .path = "/echo",
					     .body = WEIR_STR("{}"));

	cr_assert(r->status == 200);
}

Test(header_test, reply)
{
	const weir_reply *r = weir_test_call(hello, .path = "/hello");

	cr_assert(r->status == 200);
	cr_assert(weir_str_eq(weir_reply_header(r, "content-type"), WEIR_STR("text/plain")));
}

static int ws_echo(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		r = weir_ws_send(ws, message);
	return r;
}

Test(header_test, ws)
{
	weir_test_ws *t = weir_test_ws_open(
		ws_echo, &(weir_test_opts){ .size = sizeof(weir_test_opts), .path = "/echo" });
	weir_str message;

	cr_assert(weir_test_ws_reply(t)->status == 101);
	cr_assert(weir_test_ws_send(t, WEIR_STR("hello")) == 0);
	cr_assert(weir_test_ws_recv(t, &message) == 1);
	cr_assert(weir_str_eq(message, WEIR_STR("hello")));
	cr_assert(weir_test_ws_close(t) == 1000);
}
