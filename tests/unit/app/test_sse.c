/* test_sse.c - streams of events: what the client reads, and when. */
#include "app/sse.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "app/asgi.h"
#include "app/req.h"
#include "app_world.h"
#include "oom.h"
#include "serve/topics.h"

static struct topics topics;
static int seen[16];
static weir_sub *seen_sub;

static struct app_world *new_world(void)
{
	static const struct siphash_key secret;
	struct app_world *a = app_world_new();

	memset(seen, 0, sizeof(seen));
	topics_init(&topics, &secret, 0);
	a->site.topics = &topics;
	return a;
}

static void free_world(struct app_world *a)
{
	h1_world_close(a->w);
	cr_assert(list_is_empty(&a->site.streams));
	topics_done(&topics);
	app_world_free(a);
}

static void publish(const char *name, const char *text, bool is_binary)
{
	struct publication_view view = { .scope = WEIR_STR(""),
					 .name = weir_strz(name),
					 .bytes = weir_strz(text),
					 .is_binary = is_binary };

	cr_assert_eq(topics_publish(&topics, &view), 0);
}

/* The events in a chunked body: its chunks, put together. */
static const char *stream_of(const char *answer)
{
	static char text[200000];
	const char *at = strstr(answer, "\r\n\r\n");
	char *to = text;

	for (at = at ? at + 4 : ""; *at;) {
		char *bytes;
		size_t len = strtoul(at, &bytes, 16);

		memcpy(to, bytes + 2, len);
		to += len;
		at = bytes + 2 + len + 2;
	}
	*to = '\0';
	return text;
}

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

/* What a client has read after so long. */
static const char *after(struct app_world *a, struct client *c, int64_t ms)
{
	h1_world_pass(a->w, ms);
	return stream_of(client_text(c));
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

/* A client that reads nothing has no room for the whole heartbeat at some point. */
static int fill_all_but_a_bit(weir_req *req)
{
	static char line[16384];
	weir_sse *sse;
	int r;

	memset(line, 'x', sizeof(line));
	r = weir_sse_start(req, &sse, .heartbeat_ms = 1000);
	for (int i = 0; r >= 0 && i < 100; i++) {
		r = weir_within(20, weir_sse_send(sse, .data = { line, (size_t)seen[1] }));
		seen[2]++;
	}
	if (r == -ETIMEDOUT)
		r = weir_sleep(5000);
	return r < 0 ? r : weir_sse_send(sse, .data = WEIR_STR("end"));
}

/* Every line of a stream is one that this file sends. */
static void is_sound(const char *stream)
{
	while (*stream) {
		size_t len = strcspn(stream, "\n");

		cr_assert_eq(stream[len], '\n');
		cr_assert(len == 0 || stream[0] == ':' || strncmp(stream, "data: ", 6) == 0, "%.*s",
			  (int)len, stream);
		cr_assert(stream[0] != ':' || len == 1, "%.*s", (int)len, stream);
		stream += len + 1;
	}
}

/* Whose handler sleeps while the queue is nearly full: filled by as many heartbeats as go in. */
static int sleep_long(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse, .heartbeat_ms = 10);
	if (r >= 0)
		r = weir_sleep(20000);
	seen[3] = 1;
	return r < 0 ? r : weir_sse_send(sse, .data = WEIR_STR("end"));
}

Test(sse, a_heartbeat_without_room_leaves_the_lines_whole)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", sleep_long);
	(void)client_push(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 28);
	for (int i = 0; i < 190; i++)
		h1_world_pass(a->w, 100);
	cr_assert_eq(seen[3], 0);
	for (int i = 0; i < 20 && !seen[3]; i++)
		h1_world_pass(a->w, 100);
	cr_assert_eq(seen[3], 1);
	is_sound(stream_of(client_text(c)));
	free_world(a);
}

Test(sse, sends_no_heartbeat_into_what_another_is_sending)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	seen[1] = 15000;
	app_world_route(a, "/x", fill_all_but_a_bit);
	(void)client_push(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 28);
	h1_world_pass(a->w, 3000);
	cr_assert_gt(seen[2], 0);
	free_world(a);
}

/* ---- relays */

static int relay(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_subscribe(req, &seen_sub, .topic = WEIR_STR("news"), .shared = 1);
	if (r >= 0)
		r = weir_sse_start(req, &sse, .heartbeat_ms = 10000);
	if (r >= 0)
		seen[0] = weir_sse_relay(sse, seen_sub, "news");
	seen[1]++;
	return r < 0 ? r : seen[0];
}

static struct client *start_relay(struct app_world *a, weir_handler *fn)
{
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", fn);
	(void)app_world_get(a, c, "/x");
	return c;
}

Test(sse, relays_each_publication_as_an_event)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	publish("news", "one", false);
	publish("news", "left\nout", true);
	publish("other", "not ours", false);
	publish("news", "two\nlines", false);
	h1_world_settle(a->w);
	cr_assert_str_eq(stream_of(client_text(c)), ":\nevent: news\ndata: one\n\n"
						    "event: news\ndata: two\ndata: lines\n\n");
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -ECANCELED);
	free_world(a);
}

Test(sse, relays_have_a_heartbeat)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	cr_assert_str_eq(after(a, c, 25000), ":\n:\n:\n");
	free_world(a);
}

static int receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return io->next->receive(io->next, req, ret_ev);
}

/* A layer that counts what goes by. */
static int count(const weir_io *io, weir_req *req, const weir_event *ev)
{
	seen[5] += ev->type == WEIR_HTTP_BODY;
	seen[6] += (int)ev->body.len;
	return io->next->send(io->next, req, ev);
}

Test(sse, middleware_sees_the_heartbeats_of_relays)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);
	const weir_io layer = { receive, count, &asgi_io };

	app_world_route(a, "/x", relay)->io = &layer;
	(void)app_world_get(a, c, "/x");
	cr_assert_str_eq(after(a, c, 25000), ":\n:\n:\n");
	cr_assert_eq(seen[5], 3);
	cr_assert_eq(seen[6], 6);
	publish("news", "one", false);
	h1_world_settle(a->w);
	cr_assert_eq(seen[5], 4);
	free_world(a);
}

Test(sse, relays_end_properly_when_the_worker_stops)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	site_drain(&a->site);
	h1_world_settle(a->w);
	cr_assert_eq(seen[1], 1);
	cr_assert_eq(seen[0], 0);
	cr_assert(strstr(client_text(c), "2\r\n:\n\r\n0\r\n\r\n"));
	/* One that begins now ends at once. */
	c = client_new(a->w);
	cr_assert(strstr(app_world_get(a, c, "/x"), "2\r\n:\n\r\n0\r\n\r\n"));
	free_world(a);
}

Test(sse, relays_end_although_the_handler_is_not_cancelled)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", relay)->flags = WEIR_FINISH_ANYWAY;
	(void)app_world_get(a, c, "/x");
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -EPIPE);
	free_world(a);
}

static int relay_for_head(weir_req *req)
{
	int r = relay(req);

	seen[2] = r;
	return r;
}

Test(sse, relays_nothing_for_head)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", relay_for_head);
	client_send(c, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(seen[2], -EPIPE);
	cr_assert_not(client_is_closed(c));
	free_world(a);
}

struct two {
	weir_req *req;
	weir_sse *sse;
	weir_sub *sub;
};

static int relay_a(void *arg)
{
	const struct two *two = arg;

	return weir_sse_relay(two->sse, two->sub, "a");
}

static int relay_b(void *arg)
{
	const struct two *two = arg;
	weir_sub *sub;
	int r;

	seen[3] = weir_sse_relay(two->sse, two->sub, "b");
	r = weir_subscribe(two->req, &sub, .topic = WEIR_STR("b"), .shared = 1);
	return r < 0 ? r : weir_sse_relay(two->sse, sub, "b");
}

static int relay_two(weir_req *req)
{
	struct two two = { .req = req };
	int r;

	r = weir_subscribe(req, &two.sub, .topic = WEIR_STR("news"), .shared = 1);
	if (r >= 0)
		r = weir_sse_start(req, &two.sse);
	if (r < 0)
		return r;
	seen_sub = two.sub;

	WEIR_GROUP(g, WEIR_ALL);
	weir_spawn(g, relay_a, &two);
	weir_spawn(g, relay_b, &two);
	seen[4] = weir_join(g);
	return seen[4];
}

Test(sse, relays_two_topics_by_two_tasks)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay_two);

	cr_assert_eq(seen[3], -EBUSY);
	publish("b", "2", false);
	publish("news", "1", false);
	h1_world_settle(a->w);
	cr_assert_str_eq(stream_of(client_text(c)),
			 ":\nevent: b\ndata: 2\n\nevent: a\ndata: 1\n\n");
	site_drain(&a->site);
	h1_world_settle(a->w);
	cr_assert_eq(seen[4], 0);
	free_world(a);
}

Test(sse, a_relay_ends_with_its_subscription)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	weir_unsubscribe(seen_sub);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -EPIPE);
	cr_assert(client_is_closed(c), "cut: the client must see that it is not complete");
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
