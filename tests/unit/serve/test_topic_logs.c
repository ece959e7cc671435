/* test_topic_logs.c - what is kept and for how long, who loses what, and the budget. */
#include "serve/topic_logs.h"

#include <criterion/criterion.h>

#include "topics_world.h"

static struct topic_log *log_of(const struct reader *reader)
{
	return reader->sub.log;
}

static uint64_t length(const struct reader *reader)
{
	return log_of(reader)->end - log_of(reader)->first;
}

Test(topic_logs, gives_each_its_own_order)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	publish_numbers(&w, "t", 1, 2);
	reader_new(&b, &w, "t", 8);
	publish_numbers(&w, "t", 3, 4);
	cr_assert(reader_take(&a));
	publish_numbers(&w, "t", 5, 5);
	cr_assert_str_eq(reader_take_all(&b), "3 4 5 ");
	cr_assert_str_eq(reader_take_all(&a), "1 2 3 4 5 ");
	topics_done(&w.topics);
}

Test(topic_logs, tells_once_until_all_is_taken)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 64);
	publish_numbers(&w, "t", 1, 16);
	cr_assert_eq(a.n_ready, 1);
	cr_assert(reader_take(&a));
	publish_numbers(&w, "t", 17, 17);
	cr_assert_eq(a.n_ready, 1);
	(void)reader_take_all(&a);
	publish_numbers(&w, "t", 18, 18);
	cr_assert_eq(a.n_ready, 2);
	topics_done(&w.topics);
}

Test(topic_logs, keeps_nothing_that_nobody_needs)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	reader_new(&b, &w, "t", 8);
	publish_numbers(&w, "t", 1, 3);
	(void)reader_take_all(&a);
	cr_assert_eq(length(&a), 3);
	cr_assert(reader_take(&b));
	cr_assert_eq(length(&a), 2);
	(void)reader_take_all(&b);
	cr_assert_eq(length(&a), 0);
	cr_assert_null(log_of(&a)->ring);
	cr_assert_eq(w.topics.logs.bytes, 0);
	cr_assert_eq(w.topics.logs.sizes_used, 0);
	topics_done(&w.topics);
}

Test(topic_logs, lets_go_what_only_one_that_leaves_has_needed)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	reader_new(&b, &w, "t", 8);
	publish_numbers(&w, "t", 1, 5);
	cr_assert(reader_take(&b));
	topics_unsubscribe(&a.sub);
	cr_assert_eq(length(&b), 4);
	cr_assert_str_eq(reader_take_all(&b), "1 2 3 4 5 ");
	cr_assert_eq(w.topics.logs.bytes, 0);
	topics_done(&w.topics);
}

Test(topic_logs, is_as_long_as_the_queue_and_loses_the_oldest)
{
	struct reader slow, fast;
	struct world w;

	world_init(&w, 0);
	reader_new(&slow, &w, "t", 5);
	reader_new(&fast, &w, "t", 5);
	for (unsigned i = 1; i <= 12; i++) {
		publish_numbers(&w, "t", i, i);
		cr_assert(reader_take(&fast));
		cr_assert_leq(length(&slow), 5);
	}
	cr_assert_str_eq(fast.got, "1 2 3 4 5 6 7 8 9 10 11 12 ");
	cr_assert_eq(subscriber_lost(&fast.sub), 0);
	cr_assert_eq(subscriber_lost(&slow.sub), 7);
	cr_assert_str_eq(reader_take_all(&slow), "8 9 10 11 12 ");
	cr_assert_eq(w.topics.logs.counts.dropped, 7);
	topics_done(&w.topics);
}

Test(topic_logs, of_one_keeps_the_newest)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 1);
	publish_numbers(&w, "t", 1, 4);
	cr_assert_eq(a.n_ready, 1);
	cr_assert_str_eq(reader_take_all(&a), "4 ");
	cr_assert_eq(subscriber_lost(&a.sub), 3);
	topics_done(&w.topics);
}

Test(topic_logs, keeps_only_what_each_ones_own_queue_allows)
{
	struct reader lot, little;
	struct world w;

	world_init(&w, 0);
	reader_new(&lot, &w, "t", 100);
	reader_new(&little, &w, "t", 2);
	publish_numbers(&w, "t", 1, 9);
	cr_assert_eq(length(&lot), 9);
	cr_assert_eq(length(&little), 2);
	cr_assert_str_eq(reader_take_all(&lot), "1 2 3 4 5 6 7 8 9 ");
	cr_assert_str_eq(reader_take_all(&little), "8 9 ");
	topics_done(&w.topics);
}

Test(topic_logs, ends_who_asked_for_it_and_tells)
{
	struct reader slow, fast;
	struct world w;

	world_init(&w, 0);
	reader_init(&slow, &w);
	reader_init(&fast, &w);
	cr_assert_eq(reader_join(&slow, key_of("t"), 3, true), 0);
	cr_assert_eq(reader_join(&fast, key_of("t"), 3, true), 0);
	publish_numbers(&w, "t", 1, 3);
	cr_assert(reader_take(&fast));
	cr_assert_not(subscriber_is_ended(&slow.sub));
	publish_numbers(&w, "t", 4, 4);
	cr_assert(subscriber_is_ended(&slow.sub));
	cr_assert_eq(slow.n_ready, 2);
	cr_assert_not(reader_take(&slow));
	cr_assert_eq(subscriber_lost(&slow.sub), 4);
	cr_assert_eq(w.topics.logs.counts.dropped, 4);
	cr_assert_eq(length(&slow), 3, "what it had not taken is not kept for it");
	publish_numbers(&w, "t", 5, 5);
	cr_assert(subscriber_is_ended(&fast.sub));
	cr_assert_eq(subscriber_lost(&fast.sub), 4);
	cr_assert_eq(w.topics.logs.bytes, 0);
	publish_numbers(&w, "t", 6, 6);
	cr_assert_eq(slow.n_ready, 2);
	cr_assert_eq(w.topics.logs.bytes, 0, "nobody listens");
	topics_unsubscribe(&slow.sub);
	topics_unsubscribe(&fast.sub);
	cr_assert(subscriber_is_ended(&fast.sub), "it may be asked when it has left");
	cr_assert_eq(w.topics.n_topics, 0);
	topics_done(&w.topics);
}

Test(topic_logs, grows_and_shrinks_its_ring)
{
	struct reader a, b;
	struct world w;
	size_t most;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 1000);
	reader_new(&b, &w, "t", 1000);
	publish_numbers(&w, "t", 1, 999);
	most = log_of(&a)->n_places;
	cr_assert_eq(most, 1024);
	for (unsigned i = 1; i < 990; i++) {
		struct publication *p = subscriber_next(&a.sub);

		(void)publication_unref(p);
		p = subscriber_next(&b.sub);
		(void)publication_unref(p);
	}
	cr_assert_lt(log_of(&a)->n_places, most / 8);
	cr_assert_str_eq(reader_take_all(&a), "990 991 992 993 994 995 996 997 998 999 ");
	cr_assert_str_eq(reader_take_all(&b), "990 991 992 993 994 995 996 997 998 999 ");
	topics_done(&w.topics);
}

/* --- the budget --- */

static int publish_large(struct world *w, const char *name, char c, size_t len)
{
	struct publication_view view = { .scope = WEIR_STR("mod"), .name = weir_strz(name) };
	char *bytes = malloc(len);
	int r;

	memset(bytes, c, len);
	view.bytes = (weir_str){ bytes, len };
	r = topics_publish(&w->topics, &view);
	free(bytes);
	return r;
}

/* The first letter of the next one; '-' for none. */
static char take_letter(struct reader *reader)
{
	struct publication *p = subscriber_next(&reader->sub);
	char c = p ? p->view.bytes.ptr[0] : '-';

	(void)publication_unref(p);
	return c;
}

Test(topic_logs, over_budget_the_largest_loses_its_oldest)
{
	struct reader large, small;
	struct world w;

	world_init(&w, 40000);
	reader_new(&large, &w, "large", 64);
	reader_new(&small, &w, "small", 64);
	cr_assert_eq(publish_large(&w, "large", 'a', 15000), 0);
	cr_assert_eq(publish_large(&w, "large", 'b', 15000), 0);
	cr_assert_eq(subscriber_lost(&large.sub), 0);
	cr_assert_eq(publish_large(&w, "small", 'x', 12000), 0);
	cr_assert_leq(w.topics.logs.bytes, 40000);
	cr_assert_eq(subscriber_lost(&small.sub), 0);
	cr_assert_eq(subscriber_lost(&large.sub), 1);
	cr_assert_eq(w.topics.logs.counts.dropped, 1);
	cr_assert_eq(take_letter(&large), 'b');
	cr_assert_eq(take_letter(&small), 'x');
	cr_assert_eq(w.topics.logs.bytes, 0);
	topics_done(&w.topics);
}

Test(topic_logs, counts_what_is_in_several_logs_once)
{
	struct reader a, b, c;
	struct world w;
	size_t alone;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 64);
	cr_assert_eq(publish_large(&w, "t", 'a', 10000), 0);
	alone = w.topics.logs.bytes;
	cr_assert_eq(take_letter(&a), 'a');

	reader_new(&b, &w, "t", 32);
	reader_init(&c, &w);
	cr_assert_eq(reader_join(&c, prefix_of(""), 64, false), 0);
	cr_assert_eq(publish_large(&w, "t", 'b', 10000), 0);
	cr_assert_lt(w.topics.logs.bytes, alone + 1000);
	cr_assert_eq(take_letter(&a), 'b');
	cr_assert_eq(take_letter(&b), 'b');
	cr_assert_gt(w.topics.logs.bytes, 10000);
	cr_assert_eq(take_letter(&c), 'b');
	cr_assert_eq(w.topics.logs.bytes, 0);
	topics_done(&w.topics);
}

Test(topic_logs, larger_than_the_budget_is_lost_by_all)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 5000);
	reader_new(&a, &w, "t", 64);
	reader_new(&b, &w, "t", 64);
	cr_assert_eq(publish_large(&w, "t", 'a', 10000), 0);
	cr_assert_eq(w.topics.logs.bytes, 0);
	cr_assert_eq(take_letter(&a), '-');
	cr_assert_eq(subscriber_lost(&a.sub), 1);
	cr_assert_eq(subscriber_lost(&b.sub), 1);
	cr_assert_eq(publish(&w, "t", "later"), 0);
	cr_assert_str_eq(reader_take_all(&a), "later ");
	cr_assert_eq(subscriber_lost(&a.sub), 1);
	topics_done(&w.topics);
}

Test(topic_logs, tells_again_who_has_looked_and_found_nothing)
{
	struct reader a;
	struct world w;

	world_init(&w, 5000);
	reader_new(&a, &w, "t", 64);
	cr_assert_eq(publish_large(&w, "t", 'a', 10000), 0);
	cr_assert_eq(publish(&w, "t", "b"), 0);
	cr_assert_eq(a.n_ready, 1, "it has not looked yet");
	cr_assert_eq(take_letter(&a), 'b');
	cr_assert_eq(publish_large(&w, "t", 'c', 10000), 0);
	cr_assert_eq(a.n_ready, 2);
	cr_assert_eq(take_letter(&a), '-');
	cr_assert_eq(publish(&w, "t", "d"), 0);
	cr_assert_eq(a.n_ready, 3);
	cr_assert_eq(take_letter(&a), 'd');
	cr_assert_eq(subscriber_lost(&a.sub), 2);
	topics_done(&w.topics);
}

Test(topic_logs, over_budget_ends_those_who_want_all_or_nothing)
{
	struct reader a;
	struct world w;

	world_init(&w, 15000);
	reader_init(&a, &w);
	cr_assert_eq(reader_join(&a, key_of("t"), 64, true), 0);
	cr_assert_eq(publish_large(&w, "t", 'a', 10000), 0);
	cr_assert_not(subscriber_is_ended(&a.sub));
	cr_assert_eq(publish_large(&w, "t", 'b', 10000), 0);
	cr_assert(subscriber_is_ended(&a.sub));
	cr_assert_eq(subscriber_lost(&a.sub), 2);
	cr_assert_eq(a.n_ready, 2);
	cr_assert_eq(w.topics.logs.bytes, 0);
	topics_done(&w.topics);
}
