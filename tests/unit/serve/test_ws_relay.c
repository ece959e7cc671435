/* test_ws_relay.c - publications that become frames: in order, made once, as far as there is room. */
#include "serve/ws_relay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oom.h"
#include "serve/publication.h"
#include "serve/topics.h"
#include "ws_world.h"

static struct ws_world world;
static struct topics topics;

/* A session, and its subscription. */
struct seat {
	struct ws_client *client;
	struct subscriber sub;
	struct ws_relay relay;
};

static struct topic_key key_of(const char *name)
{
	return (struct topic_key){ .scope = WEIR_STR("mod"), .name = weir_strz(name) };
}

static void on_ready(struct subscriber *sub)
{
	ws_relay_ready(&container_of(sub, struct seat, sub)->relay);
}

static struct ws_limits limits_of(enum ws_slow slow)
{
	struct ws_limits limits = ws_world_limits();

	limits.slow = slow;
	limits.queue_bytes = 10000;
	return limits;
}

static void begin(enum ws_slow slow)
{
	const struct siphash_key secret = { 1, 2 };
	struct ws_limits limits = limits_of(slow);

	ws_world_init(&world, &limits, 0);
	topics_init(&topics, &secret, 0);
}

static void finish(void)
{
	topics_done(&topics);
	ws_world_done(&world);
}

static void subscribe(struct seat *seat, const char *name, uint32_t queue, bool ends_if_slow)
{
	const struct topics_limit limit = { queue, ends_if_slow };
	const struct topic_key key = key_of(name);

	subscriber_init(&seat->sub, on_ready);
	cr_assert_eq(topics_subscribe(&topics, &seat->sub, &key, &limit), 0);
	cr_assert_eq(ws_relay_start(&seat->relay, seat->client->session, &seat->sub), 0);
}

static void sit(struct seat *seat, const struct ws_deflate_params *deflate)
{
	memset(seat, 0, sizeof(*seat));
	seat->client = client_new(&world, deflate);
	subscribe(seat, "news", 100, false);
}

static void leave(struct seat *seat)
{
	ws_relay_stop(&seat->relay);
	topics_unsubscribe(&seat->sub);
	client_free(seat->client);
}

static void publish(const char *name, weir_str bytes, bool is_binary)
{
	const struct publication_view view = { .scope = WEIR_STR("mod"),
					       .name = weir_strz(name),
					       .bytes = bytes,
					       .is_binary = is_binary };

	cr_assert_eq(topics_publish(&topics, &view), 0);
}

static void say(const char *text)
{
	publish("news", weir_strz(text), false);
}

/* ---- */

Test(ws_relay, publications_become_messages_in_their_order)
{
	struct seat a, b;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	sit(&b, NULL);
	say("one");
	publish("news", WEIR_STR("two"), true);
	say("");
	cr_assert_str_eq(client_hears(a.client), "text:one binary:two text:");
	cr_assert_str_eq(client_hears(b.client), "text:one binary:two text:");
	say("three");
	cr_assert_str_eq(client_hears(a.client), "text:three");
	leave(&a);
	leave(&b);
	finish();
}

Test(ws_relay, nothing_is_sent_within_the_publishers_call)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	say("one");
	cr_assert_eq(a.client->out.queued, 0);
	cr_assert(a.client->is_flushing);
	leave(&a);
	finish();
}

Test(ws_relay, what_was_published_before_it_is_attached)
{
	const struct topics_limit limit = { 10, false };
	const struct topic_key key = key_of("news");
	struct seat a = { .client = NULL };

	begin(WS_SLOW_WAIT);
	a.client = client_new(&world, NULL);
	subscriber_init(&a.sub, on_ready);
	cr_assert_eq(topics_subscribe(&topics, &a.sub, &key, &limit), 0);
	say("early");
	cr_assert_eq(ws_relay_start(&a.relay, a.client->session, &a.sub), 0);
	cr_assert_str_eq(client_hears(a.client), "text:early");
	leave(&a);
	finish();
}

/* A slow client has its log as a queue: nothing is copied for it, and the oldest go. */
Test(ws_relay, as_far_as_there_is_room)
{
	weir_str big = world_filler(6000);
	struct seat a, b;
	unsigned n = 0;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	sit(&b, NULL);
	for (int i = 0; i < 150; i++) {
		publish("news", big, false);
		(void)client_hears(b.client);
		n += strcmp(b.client->told.data, "text:[6000]") == 0;
		client_takes(a.client, 0);
		cr_assert_lt(a.client->out.queued, WS_WORLD_HIGH_WATER + 6100);
	}
	cr_assert_eq(n, 150);
	cr_assert_eq(subscriber_lost(&b.sub), 0);
	cr_assert_gt(subscriber_lost(&a.sub), 0);
	for (n = 0; *client_hears(a.client); n++)
		;
	cr_assert_eq(a.client->session->state, WS_OPEN);
	say("caught up");
	cr_assert_str_eq(client_hears(a.client), "text:caught up");
	leave(&a);
	leave(&b);
	finish();
}

Test(ws_relay, the_slow_are_closed_if_the_route_says_so)
{
	struct seat a;

	begin(WS_SLOW_CLOSE);
	sit(&a, NULL);
	for (int i = 0; i < 150; i++) {
		publish("news", world_filler(6000), false);
		client_takes(a.client, 0);
	}
	cr_assert(strstr(client_hears(a.client), " close:1013:too slow"));
	client_closes(a.client, 1013, "");
	cr_assert_eq(a.client->state, WS_CLOSED);
	leave(&a);
	finish();
}

Test(ws_relay, a_subscription_that_ends_closes_its_session)
{
	struct seat a = { .client = NULL };

	begin(WS_SLOW_WAIT);
	a.client = client_new(&world, NULL);
	subscribe(&a, "news", 2, true);
	for (int i = 0; i < 10; i++) {
		publish("news", world_filler(8000), false);
		client_takes(a.client, 0);
	}
	cr_assert(subscriber_is_ended(&a.sub));
	cr_assert(strstr(client_hears(a.client), "close:1013:too slow"));
	leave(&a);
	finish();
}

/* ---- beside other messages */

Test(ws_relay, waits_for_the_end_of_a_message_in_pieces)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	cr_assert_eq(client_begin(a.client, "a", false), 1);
	say("x");
	cr_assert_str_eq(client_hears(a.client), "text+:a");
	say("y");
	cr_assert_str_eq(client_hears(a.client), "");
	cr_assert_eq(client_begin(a.client, "b", true), 1);
	cr_assert_str_eq(client_hears(a.client), "more:b text:x text:y");
	leave(&a);
	finish();
}

Test(ws_relay, waits_for_the_end_of_a_large_frame)
{
	weir_str big = world_filler(20000);
	struct seat a;
	ssize_t n;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	n = ws_outbox_begin(a.client->session, true, true, big);
	say("x");
	cr_assert_str_eq(client_hears(a.client), "");
	n = ws_outbox_more(a.client->session, (weir_str){ big.ptr + n, big.len - (size_t)n });
	cr_assert_gt(n, 0);
	cr_assert_str_eq(client_hears(a.client), "text:[20000] text:x");
	leave(&a);
	finish();
}

Test(ws_relay, goes_behind_what_waits)
{
	struct seat a;

	begin(WS_SLOW_DROP_OLDEST);
	sit(&a, NULL);
	cr_assert_eq(ws_outbox_post(a.client->session, true, world_filler(8192)), 0);
	cr_assert_eq(ws_outbox_post(a.client->session, true, world_filler(8192)), 0);
	cr_assert_eq(ws_outbox_post(a.client->session, true, WEIR_STR("posted")), 0);
	say("published");
	cr_assert_str_eq(client_hears(a.client),
			 "text:[8192] text:[8192] text:posted text:published");
	leave(&a);
	finish();
}

/* ---- in turns with others */

/* What is there for the client, until the session hears of room: as a connection does it. */
static void drain(struct seat *seat)
{
	client_takes(seat->client, seat->client->out.queued);
}

static void publish_many(size_t len)
{
	for (int i = 0; i < 20; i++)
		publish("news", world_filler(len), false);
}

/* Its relay has more than there is room for. */
static void fall_behind(struct seat *seat, size_t len)
{
	publish_many(len);
	client_takes(seat->client, 0);
	cr_assert_geq(seat->client->out.queued, WS_WORLD_HIGH_WATER);
}

/* As a task does it, which comes late: in how many rounds it was told of room and found it. */
static unsigned rounds_until_begun(struct seat *seat, const char *text)
{
	struct ws_client *c = seat->client;

	for (unsigned n = 1; n < 20; n++) {
		unsigned told = c->n_writable;

		drain(seat);
		publish("news", world_filler(100), false);
		client_takes(c, 0);
		if (c->n_writable > told && client_begin(c, text, true) >= 0)
			return n;
	}
	return 0;
}

Test(ws_relay, lets_a_task_that_waits_send_in_between)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	fall_behind(&a, 6000);
	cr_assert_eq(client_begin(a.client, "mine", true), -EAGAIN);
	cr_assert_eq(rounds_until_begun(&a, "mine"), 1);
	cr_assert_eq(client_begin(a.client, "again", true), 5, "there is room for more");
	cr_assert(strstr(client_hears(a.client), "text:mine text:again text:[6000]"));
	leave(&a);
	finish();
}

Test(ws_relay, lets_it_send_between_messages_larger_than_the_queue)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	fall_behind(&a, 50000);
	cr_assert_eq(client_begin(a.client, "mine", true), -EAGAIN);
	cr_assert_eq(rounds_until_begun(&a, "mine"), 1);
	cr_assert(strstr(client_hears(a.client), "text:mine text:[50000]"));
	leave(&a);
	finish();
}

/* Nothing comes, and nothing is sent, after which a connection would look again. */
Test(ws_relay, goes_on_when_who_was_told_of_room_does_not_want_it)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	fall_behind(&a, 6000);
	cr_assert_eq(client_begin(a.client, "mine", true), -EAGAIN);
	drain(&a);
	cr_assert_eq(a.client->n_writable, 1);
	cr_assert_eq(a.client->out.queued, 0);
	ws_outbox_waive(a.client->session);
	(void)client_hears(a.client);
	cr_assert(strstr(a.client->told.data, "text:[6000] text:[6000]"));
	cr_assert_eq(subscriber_next(&a.sub), NULL);
	leave(&a);
	finish();
}

Test(ws_relay, goes_on_when_who_waits_for_room_does_not_want_it)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	fall_behind(&a, 6000);
	cr_assert_eq(client_begin(a.client, "mine", true), -EAGAIN);
	ws_outbox_waive(a.client->session);
	drain(&a);
	cr_assert_geq(a.client->out.queued, WS_WORLD_HIGH_WATER);
	cr_assert_eq(a.client->n_writable, 0);
	leave(&a);
	finish();
}

/* Sends messages of this length, one behind the other, until it has to wait: how many were begun. */
static unsigned send_all_you_can(struct ws_session *s, size_t len, weir_str *rest)
{
	for (unsigned begun = 0;; begun++) {
		ssize_t n = 1;

		while (rest->len > 0 && n > 0) {
			n = ws_outbox_more(s, *rest);
			cr_assert_geq(n, 0);
			*rest = (weir_str){ rest->ptr + n, rest->len - (size_t)n };
		}
		if (n == 0)
			return begun;
		n = ws_outbox_begin(s, true, true, world_filler(len));
		if (n < 0)
			return begun;
		*rest = (weir_str){ world_filler(len).ptr + n, len - (size_t)n };
	}
}

/* A task that sends all the time, and is in the middle of it when its relay falls behind. */
static void assert_both_go_on(size_t len, const struct ws_deflate_params *deflate)
{
	weir_str rest = { NULL, 0 };
	unsigned begun = 0;
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, deflate);
	cr_assert_gt(send_all_you_can(a.client->session, len, &rest), 0);
	publish_many(6001);
	for (int i = 0; i < 200; i++) {
		drain(&a);
		begun += send_all_you_can(a.client->session, len, &rest);
	}
	cr_assert_null(subscriber_next(&a.sub));
	cr_assert_gt(begun, 10);
	leave(&a);
	finish();
}

Test(ws_relay, has_its_turn_beside_a_task_that_sends_all_the_time)
{
	assert_both_go_on(500, NULL);
}

Test(ws_relay, has_its_turn_beside_a_task_that_sends_large_messages)
{
	assert_both_go_on(20000, NULL);
}

static const struct ws_deflate_params class_15 = { 15, 15, true, true, false, false };

Test(ws_relay, has_its_turn_beside_a_task_that_sends_compressed_messages)
{
	assert_both_go_on(90000, &class_15);
}

Test(ws_relay, has_its_turn_beside_messages_in_pieces)
{
	unsigned n_mine = 0;
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	cr_assert_gt(client_begin(a.client, "first", false), 0);
	publish_many(6001);
	for (int i = 0; i < 40; i++) {
		drain(&a);
		n_mine += client_begin(a.client, "last", true) > 0;
		(void)client_begin(a.client, "first", false);
	}
	cr_assert_gt(n_mine, 10);
	cr_assert_null(subscriber_next(&a.sub));
	leave(&a);
	finish();
}

Test(ws_relay, has_its_turn_beside_messages_that_wait)
{
	struct seat a;

	begin(WS_SLOW_DROP_OLDEST);
	world.policy.limits.queue_bytes = 40000;
	sit(&a, NULL);
	fall_behind(&a, 6001);
	for (int i = 0; i < 40; i++) {
		for (int k = 0; k < 10; k++)
			cr_assert_eq(ws_outbox_post(a.client->session, true, world_filler(4000)),
				     0);
		drain(&a);
		client_takes(a.client, 0);
	}
	cr_assert_null(subscriber_next(&a.sub));
	(void)client_hears(a.client);
	cr_assert(strstr(a.client->told.data, "text:[4000] text:[6001]"));
	cr_assert(strstr(a.client->told.data, "text:[6001] text:[4000]"));
	leave(&a);
	finish();
}

/* More of both than there is room for at a time: neither keeps the other from going on. */
Test(ws_relay, lets_messages_that_wait_go_in_between)
{
	struct publication *next;
	struct seat a;

	begin(WS_SLOW_DROP_OLDEST);
	world.policy.limits.queue_bytes = 100000;
	sit(&a, NULL);
	fall_behind(&a, 6001);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(ws_outbox_post(a.client->session, true, world_filler(4000)), 0);
	for (int i = 0; i < 4; i++)
		drain(&a);
	cr_assert_null(a.client->session->outbox);
	next = subscriber_next(&a.sub);
	cr_assert_not_null(next, "it is still behind");
	(void)publication_unref(next);
	leave(&a);
	finish();
}

Test(ws_relay, of_two_that_are_behind_both_go_on)
{
	struct seat a, b = { .client = NULL };

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	b.client = a.client;
	subscribe(&b, "weather", 100, false);
	for (int i = 0; i < 10; i++) {
		publish("news", world_filler(12001), false);
		publish("weather", world_filler(12002), false);
	}
	client_takes(a.client, 0);
	drain(&a);
	(void)client_hears(a.client);
	cr_assert_eq(strncmp(a.client->told.data,
			     "text:[12001] text:[12002] text:[12001] text:[12002] text:[12001]",
			     64),
		     0);
	ws_relay_stop(&b.relay);
	topics_unsubscribe(&b.sub);
	leave(&a);
	finish();
}

/* ---- compressed */

static const struct ws_deflate_params class_10 = { 10, 15, true, true, false, false };
static const struct ws_deflate_params context = { 15, 15, false, true, false, false };

Test(ws_relay, is_compressed_for_whoever_agreed_and_once_for_all_of_a_class)
{
	const struct publication_view view = { .scope = WEIR_STR("mod"),
					       .name = WEIR_STR("news"),
					       .bytes = WEIR_STR("hello hello hello") };
	struct ws_tools *tools = &world.shared.tools;
	struct seat a, b, c, d, e;

	begin(WS_SLOW_WAIT);
	sit(&a, &class_15);
	sit(&b, NULL);
	sit(&c, &class_10);
	sit(&d, &context);
	sit(&e, &class_15);
	cr_assert_eq(topics_publish(&topics, &view), 0);
	cr_assert_str_eq(client_hears(a.client), "z:text:hello hello hello");
	cr_assert_str_eq(client_hears(b.client), "text:hello hello hello");
	cr_assert_str_eq(client_hears(c.client), "z:text:hello hello hello");
	cr_assert_str_eq(client_hears(d.client), "z:text:hello hello hello");
	/* Made already: not even the compressor is asked for. */
	ws_tools_trim(tools);
	oom_fail_at(2); /* the first is a block of the queue */
	e.client->tunnel.up->writable(&e.client->tunnel);
	cr_assert(!oom_has_failed());
	cr_assert_str_eq(client_hears(e.client), "z:text:hello hello hello");
	say("hello hello hello");
	cr_assert_str_eq(client_hears(d.client), "z:text:hello hello hello");
	leave(&a);
	leave(&b);
	leave(&c);
	leave(&d);
	leave(&e);
	finish();
}

Test(ws_relay, is_not_compressed_below_the_threshold)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	world.policy.limits.deflate_min = 10;
	sit(&a, &class_15);
	say("short");
	say("not as short");
	cr_assert_str_eq(client_hears(a.client), "text:short z:text:not as short");
	leave(&a);
	finish();
}

/* ---- ends */

Test(ws_relay, stops)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	say("heard");
	cr_assert_str_eq(client_hears(a.client), "text:heard");
	say("not heard");
	ws_relay_stop(&a.relay);
	ws_relay_stop(&a.relay);
	cr_assert_str_eq(client_hears(a.client), "");
	ws_relay_ready(&a.relay);
	leave(&a);
	finish();
}

Test(ws_relay, one_of_two_stops)
{
	struct seat a, b = { .client = NULL };

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	b.client = a.client;
	subscribe(&b, "weather", 10, false);
	publish("weather", WEIR_STR("rain"), false);
	say("news");
	cr_assert_str_eq(client_hears(a.client), "text:news text:rain");
	ws_relay_stop(&a.relay);
	say("x");
	publish("weather", WEIR_STR("sun"), false);
	cr_assert_str_eq(client_hears(a.client), "text:sun");
	ws_relay_stop(&b.relay);
	topics_unsubscribe(&b.sub);
	leave(&a);
	finish();
}

Test(ws_relay, ends_with_its_session)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	say("x");
	client_vanishes(a.client);
	cr_assert_null(a.relay.session);
	say("y");
	ws_relay_ready(&a.relay);
	leave(&a);
	finish();
}

Test(ws_relay, is_silent_while_its_session_closes)
{
	struct seat a;

	begin(WS_SLOW_WAIT);
	sit(&a, NULL);
	say("x");
	ws_session_close(a.client->session, 1000, WEIR_STR(""));
	say("y");
	cr_assert_str_eq(client_hears(a.client), "close:1000:");
	leave(&a);
	finish();
}

/* ---- memory */

static void relay_without_memory(const struct ws_deflate_params *deflate)
{
	bool has_failed = true;

	for (unsigned n = 1; has_failed; n++) {
		struct seat a;

		begin(WS_SLOW_WAIT);
		sit(&a, deflate);
		say("one");
		say("two");
		oom_fail_at(n);
		a.client->tunnel.up->writable(&a.client->tunnel);
		has_failed = oom_has_failed();
		/* All, or cut off. */
		if (a.client->session) {
			(void)client_hears(a.client);
			cr_assert(strstr(a.client->told.data, "text:one"));
			cr_assert(strstr(a.client->told.data, "text:two"));
		} else {
			cr_assert(has_failed && a.client->was_aborted);
		}
		leave(&a);
		finish();
	}
}

Test(ws_relay, without_memory)
{
	relay_without_memory(NULL);
	relay_without_memory(&class_15);
	relay_without_memory(&context);
}
