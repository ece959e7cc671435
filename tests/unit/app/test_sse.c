/* test_sse.c - streams of events: what the client reads, and when; relays are in test_sse_relay. */
#include "app/sse.h"

#include "app/req.h"
#include "oom.h"
#include "sse_world.h"

/* What a client reads from a handler that ends. */
static const char *ask(weir_handler *fn)
{
	static char text[200000];
	struct app_world *a = new_world();

	app_world_route(a, "/x", fn);
	(void)strcpy(text, app_world_ask(a, "/x"));
	free_world(a);
	return text;
}

static int only_start(weir_req *req)
{
	weir_sse *sse;

	return weir_sse_start(req, &sse);
}

Test(sse, begins_with_its_fields_and_a_comment)
{
	cr_assert_str_eq(ask(only_start), "HTTP/1.1 200 OK\r\n"
					  "transfer-encoding: chunked\r\n"
					  "x-accel-buffering: no\r\n"
					  "cache-control: no-cache\r\n"
					  "content-type: text/event-stream\r\n\r\n"
					  "2\r\n:\n\r\n0\r\n\r\n");
}

static int start_with_fields(weir_req *req)
{
	weir_sse *sse;

	cr_assert_eq(weir_set_header(req, "cache-control", WEIR_STR("no-store")), 0);
	return weir_sse_start(req, &sse);
}

Test(sse, keeps_the_cache_control_that_was_set)
{
	const char *text = ask(start_with_fields);

	cr_assert(strstr(text, "cache-control: no-store\r\n"));
	cr_assert_not(strstr(text, "no-cache"));
}

static int start_twice(weir_req *req)
{
	weir_sse *sse, *other = NULL;
	int r;

	r = weir_sse_start(req, &sse);
	seen[0] = weir_sse_start(req, &other);
	cr_assert_null(other);
	return r;
}

Test(sse, starts_once)
{
	cr_assert(strstr(ask(start_twice), "0\r\n\r\n"));
	cr_assert_eq(seen[0], -EPROTO);
}

/* ---- what an event looks like */

static weir_sse_event event;

static int send_one(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse);
	seen[0] = r < 0 ? r : weir_sse_send_with(sse, &event);
	return r;
}

static void looks(weir_sse_event ev, const char *expected)
{
	const char *text;

	event = ev;
	event.size = sizeof(event);
	text = stream_of(ask(send_one));
	cr_assert_eq(seen[0], 0);
	cr_assert(strncmp(text, ":\n", 2) == 0);
	cr_assert_str_eq(text + 2, expected);
}

Test(sse, writes_what_is_given)
{
	looks((weir_sse_event){ .data = WEIR_STR("x") }, "data: x\n\n");
	looks((weir_sse_event){ .event = WEIR_STR("e"),
				.id = WEIR_STR("7"),
				.data = WEIR_STR("x"),
				.retry_ms = 2000 },
	      "retry: 2000\nid: 7\nevent: e\ndata: x\n\n");
	looks((weir_sse_event){ .retry_ms = 1 }, "retry: 1\n\n");
	looks((weir_sse_event){ .id = WEIR_STR("only") }, "id: only\n\n");
	looks((weir_sse_event){ .id = WEIR_STR("") }, "id: \n\n");
}

Test(sse, sends_empty_data_so_that_the_client_is_told)
{
	looks((weir_sse_event){ .data = WEIR_STR("") }, "data: \n\n");
	looks((weir_sse_event){ .event = WEIR_STR("e") }, "event: e\ndata: \n\n");
}

Test(sse, splits_data_into_lines)
{
	looks((weir_sse_event){ .data = WEIR_STR("a\nb") }, "data: a\ndata: b\n\n");
	looks((weir_sse_event){ .data = WEIR_STR("a\r\nb\rc\n") },
	      "data: a\ndata: b\ndata: c\ndata: \n\n");
	looks((weir_sse_event){ .data = WEIR_STR("\n\r") }, "data: \ndata: \ndata: \n\n");
	looks((weir_sse_event){ .data = WEIR_STR(" a\n:b") }, "data:  a\ndata: :b\n\n");
	looks((weir_sse_event){ .data = WEIR_STR("a\n\nid: 1") },
	      "data: a\ndata: \ndata: id: 1\n\n");
}

static void refuses(weir_sse_event ev, int error)
{
	event = ev;
	event.size = sizeof(event);
	cr_assert_str_eq(stream_of(ask(send_one)), ":\n");
	cr_assert_eq(seen[0], error);
}

Test(sse, refuses_what_would_break_the_stream)
{
	refuses((weir_sse_event){ .event = WEIR_STR("a\nb") }, -EINVAL);
	refuses((weir_sse_event){ .event = WEIR_STR("a\r") }, -EINVAL);
	refuses((weir_sse_event){ .id = WEIR_STR("1\n\ndata: x") }, -EINVAL);
	refuses((weir_sse_event){ .id = WEIR_STR("1\r") }, -EINVAL);
	refuses((weir_sse_event){ .id = WEIR_STR("1\0") }, -EINVAL);
	refuses((weir_sse_event){ .retry_ms = 0 }, -EINVAL);
	refuses((weir_sse_event){ .data = WEIR_STR("\xff") }, -EBADMSG);
	refuses((weir_sse_event){ .event = WEIR_STR("\xc0\x80") }, -EBADMSG);
	refuses((weir_sse_event){ .id = WEIR_STR("\xe2\x82") }, -EBADMSG);
}

Test(sse, takes_the_event_of_an_older_header)
{
	event = (weir_sse_event){ .size = offsetof(weir_sse_event, retry_ms),
				  .data = WEIR_STR("x"),
				  .retry_ms = 9 };
	cr_assert_str_eq(stream_of(ask(send_one)), ":\ndata: x\n\n");
}

static int show_last_id(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse);
	return r < 0 ? r : weir_sse_send(sse, .data = weir_sse_last_id(req));
}

Test(sse, knows_the_last_id_of_a_client_that_comes_back)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", show_last_id);
	client_send(c, "GET /x HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 41 b\r\n\r\n");
	cr_assert_str_eq(stream_of(client_text(c)), ":\ndata: 41 b\n\n");
	free_world(a);
}

/* ---- HEAD, and other requests */

static int send_for_ever(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse);
	while (r >= 0) {
		r = weir_sse_send(sse, .data = WEIR_STR("x"));
		if (r >= 0)
			r = weir_sleep(1000);
	}
	seen[0] = r;
	return r;
}

Test(sse, ends_at_once_for_head)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", send_for_ever);
	client_send(c, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n"
		       "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(seen[0], -EPIPE);
	cr_assert_not(client_is_closed(c));
	cr_assert(strstr(strstr(client_text(c), "HTTP/1.1 200") + 1, "HTTP/1.1 200"));
	cr_assert_not(strstr(h1_world_log(a->w), "test.handler"));
	free_world(a);
}

static int in_background(weir_req *req, void *arg)
{
	weir_sse *sse;

	seen[0] = weir_sse_start(req, &sse);
	return 0;
}

static void on_background_ended(struct req *req, int result)
{
	req_free_task(req);
}

Test(sse, needs_a_request)
{
	struct app_world *a = new_world();
	struct req *req;

	cr_assert_eq(req_new_task(&a->site, &a->app, "task", in_background, NULL,
				  on_background_ended, NULL, &req),
		     0);
	cr_assert_eq(req_start_task(req), 0);
	cr_assert_eq(seen[0], -EOPNOTSUPP);
	free_world(a);
}

/* ---- the heartbeat */

static int32_t heartbeat_ms;

static int start_and_sleep(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse, .heartbeat_ms = heartbeat_ms);
	if (r >= 0)
		r = weir_sleep(40000);
	if (r >= 0)
		r = weir_sse_send(sse, .data = WEIR_STR("late"));
	if (r >= 0)
		r = weir_sleep(40000);
	return r;
}

static void heartbeat_is(int32_t ms, const char *after_35_s)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	heartbeat_ms = ms;
	app_world_route(a, "/x", start_and_sleep);
	(void)app_world_get(a, c, "/x");
	cr_assert_str_eq(after(a, c, 35000), after_35_s);
	free_world(a);
}

Test(sse, sends_a_comment_while_nothing_else_is)
{
	heartbeat_is(10000, ":\n:\n:\n:\n");
	heartbeat_is(0, ":\n:\n:\n");
	heartbeat_is(-1, ":\n");
	heartbeat_is(36000, ":\n");
}

Test(sse, puts_the_comment_off_when_something_is_sent)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	heartbeat_ms = 30000;
	app_world_route(a, "/x", start_and_sleep);
	(void)app_world_get(a, c, "/x");
	cr_assert_str_eq(after(a, c, 39000), ":\n:\n");
	cr_assert_str_eq(after(a, c, 30000), ":\n:\ndata: late\n\n"); /* 69 s: the next at 70 */
	cr_assert_str_eq(after(a, c, 2000), ":\n:\ndata: late\n\n:\n");
	free_world(a);
}

static weir_reason ended_for;

static int start_and_wait(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse);
	if (r >= 0)
		r = weir_sleep(1000000);
	ended_for = weir_cancel_reason();
	return r;
}

Test(sse, streams_of_a_worker_that_is_replaced_end_a_part_at_a_time_and_well)
{
	struct app_world *a = new_world();
	struct client *c[3];

	app_world_route(a, "/x", start_and_wait);
	for (int i = 0; i < 3; i++) {
		c[i] = client_new(a->w);
		(void)app_world_get(a, c[i], "/x");
	}
	site_drain_gently(&a->site);
	sse_drain_part(&a->site.streams, 0);
	cr_assert_eq(ended_for, 0);
	sse_drain_part(&a->site.streams, 2);
	h1_world_settle(a->w);
	cr_assert_eq(ended_for, WEIR_SHUTDOWN);
	cr_assert_not_null(strstr(client_text(c[0]), "\r\n0\r\n\r\n"));
	cr_assert_not_null(strstr(client_text(c[1]), "\r\n0\r\n\r\n"));
	cr_assert_null(strstr(client_text(c[2]), "\r\n0\r\n\r\n"));
	site_drain_part(&a->site, 1);
	h1_world_settle(a->w);
	cr_assert_not_null(strstr(client_text(c[2]), "\r\n0\r\n\r\n"));
	free_world(a);
}

static int end_at_once(weir_req *req)
{
	weir_sse *sse;

	return weir_sse_start(req, &sse, .heartbeat_ms = 1000);
}

Test(sse, has_no_heartbeat_after_its_end)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", end_at_once);
	(void)app_world_get(a, c, "/x");
	client_forget(c);
	h1_world_pass(a->w, 5000);
	cr_assert_str_eq(client_text(c), "");
	free_world(a);
}

/* A connection that has room for so many bytes; below 0: for all. */
static const struct exchange_down *whole_down;
static struct exchange_down narrow_down;
static ssize_t narrow_room;

static ssize_t narrow_piece(struct exchange *ex, weir_str bytes)
{
	ssize_t n;

	if (narrow_room >= 0 && bytes.len > (size_t)narrow_room)
		bytes.len = (size_t)narrow_room;
	n = whole_down->piece(ex, bytes);
	if (narrow_room >= 0 && n > 0)
		narrow_room -= n;
	return n;
}

static int start_on_narrow(weir_req *pub)
{
	struct exchange *ex = req_of(pub)->ex;
	weir_sse *sse;
	int r;

	whole_down = ex->down;
	narrow_down = *ex->down;
	narrow_down.piece = narrow_piece;
	narrow_room = -1;
	ex->down = &narrow_down;
	r = weir_sse_start(pub, &sse, .heartbeat_ms = 1000);
	if (r >= 0)
		r = weir_sleep(10500);
	return r < 0 ? r : weir_sse_send(sse, .data = WEIR_STR("x"));
}

static struct client *start_narrow(struct app_world *a)
{
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", start_on_narrow);
	(void)app_world_get(a, c, "/x");
	return c;
}

Test(sse, half_a_heartbeat_is_completed_by_the_next)
{
	struct app_world *a = new_world();
	struct client *c = start_narrow(a);

	narrow_room = 1;
	cr_assert_str_eq(after(a, c, 1000), ":\n:");
	cr_assert_str_eq(after(a, c, 1000), ":\n:", "there is no room at all");
	narrow_room = -1;
	cr_assert_str_eq(after(a, c, 1000), ":\n:\n");
	cr_assert_str_eq(after(a, c, 1000), ":\n:\n:\n");
	free_world(a);
}

Test(sse, half_a_heartbeat_is_completed_by_an_event)
{
	struct app_world *a = new_world();
	struct client *c = start_narrow(a);

	cr_assert_str_eq(after(a, c, 9500), ":\n:\n:\n:\n:\n:\n:\n:\n:\n:\n");
	narrow_room = 1;
	cr_assert_str_eq(after(a, c, 500), ":\n:\n:\n:\n:\n:\n:\n:\n:\n:\n:");
	narrow_room = -1;
	cr_assert_str_eq(after(a, c, 500), ":\n:\n:\n:\n:\n:\n:\n:\n:\n:\n:\ndata: x\n\n");
	free_world(a);
}

/* Until the client, who reads nothing, has no room for more. */
static int fill(weir_req *req)
{
	static char line[15000];
	weir_sse *sse;
	int r;

	memset(line, 'x', sizeof(line));
	r = weir_sse_start(req, &sse, .heartbeat_ms = 1000);
	for (int i = 0; r >= 0 && i < 10; i++) {
		r = weir_sse_send(sse, .data = { line, sizeof(line) });
		seen[0] = i;
	}
	return r;
}

/* All lines of a stream are whole ones of fill(), but the last. */
static void is_sound(const char *stream)
{
	while (strchr(stream, '\n')) {
		size_t len = strcspn(stream, "\n");

		cr_assert(len == 0 || (len == 1 && stream[0] == ':') || len == 15006, "%zu: %.30s",
			  len, stream);
		stream += len + 1;
	}
}

Test(sse, sends_no_heartbeat_into_an_event_that_waits_for_room)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);
	int before;

	app_world_route(a, "/x", fill);
	(void)client_push(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 28);
	h1_world_pass(a->w, 3500);
	before = seen[0];
	cr_assert_gt(before, 0);
	h1_world_pass(a->w, 3500);
	cr_assert_eq(seen[0], before);
	is_sound(stream_of(client_text(c)));
	cr_assert_eq(seen[0], 9);
	free_world(a);
}

/* ---- memory */

static unsigned fail_at;
static bool has_failed;

static int send_without_memory(weir_req *req)
{
	weir_sse *sse;
	weir_sub *sub;
	int r;

	oom_fail_at(fail_at);
	r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"), .shared = 1);
	if (r >= 0)
		r = weir_sse_start(req, &sse);
	if (r >= 0)
		r = weir_sse_send(sse, .id = WEIR_STR("1"), .data = WEIR_STR("a\nb"));
	has_failed = oom_has_failed();
	seen[0] = r;
	return r;
}

Test(sse, survives_when_any_allocation_fails)
{
	for (fail_at = 1, has_failed = true; has_failed; fail_at++) {
		struct app_world *a = new_world();
		struct client *c = client_new(a->w);

		app_world_route(a, "/x", send_without_memory);
		(void)app_world_get(a, c, "/x");
		cr_assert_eq(seen[0], has_failed ? -ENOMEM : 0, "%u", fail_at);
		free_world(a);
	}
	cr_assert_gt(fail_at, 4);
}
