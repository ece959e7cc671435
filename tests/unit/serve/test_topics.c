/* test_topics.c - the table of topics, who gets what, hooks, and what may happen in ready(). */
#include "serve/topics.h"

#include <criterion/criterion.h>

#include "oom.h"
#include "topics_world.h"

Test(topics, keeps_topics_apart)
{
	struct reader a, b, other_scope, nul;
	struct topic_key key = key_of("a");
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "a", 8);
	reader_new(&b, &w, "b", 8);
	reader_init(&other_scope, &w);
	key.scope = WEIR_STR("");
	cr_assert_eq(reader_join(&other_scope, key, 8, false), 0);
	reader_init(&nul, &w);
	key = key_of("");
	key.name = WEIR_STR("a\0a");
	cr_assert_eq(reader_join(&nul, key, 8, false), 0);
	cr_assert_eq(publish(&w, "a", "1"), 0);
	cr_assert_eq(publish(&w, "b", "2"), 0);
	cr_assert_eq(publish(&w, "c", "3"), 0);
	cr_assert_str_eq(reader_take_all(&a), "1 ");
	cr_assert_str_eq(reader_take_all(&b), "2 ");
	cr_assert_eq(other_scope.n_ready, 0);
	cr_assert_eq(nul.n_ready, 0);
	topics_done(&w.topics);
}

Test(topics, gives_a_prefix_all_below_it_in_order)
{
	struct reader below, all, literal, deeper;
	struct world w;

	world_init(&w, 0);
	reader_init(&below, &w);
	reader_init(&all, &w);
	reader_init(&deeper, &w);
	cr_assert_eq(reader_join(&below, prefix_of("room/"), 8, false), 0);
	cr_assert_eq(reader_join(&all, prefix_of(""), 8, false), 0);
	cr_assert_eq(reader_join(&deeper, prefix_of("room/1/"), 8, false), 0);
	reader_new(&literal, &w, "room/", 8);
	cr_assert_eq(publish(&w, "room/1", "a"), 0);
	cr_assert_eq(publish(&w, "room/2", "b"), 0);
	cr_assert_eq(publish(&w, "room", "c"), 0);
	cr_assert_eq(publish(&w, "room/1", "d"), 0);
	cr_assert_eq(publish(&w, "room/", "e"), 0);
	cr_assert_str_eq(reader_take_all(&below), "a b d e ");
	cr_assert_str_eq(reader_take_all(&all), "a b c d e ");
	cr_assert_str_eq(reader_take_all(&literal), "e ");
	cr_assert_str_eq(reader_take_all(&deeper), "");
	topics_done(&w.topics);
}

Test(topics, names_the_topic_to_a_prefix)
{
	struct publication *p;
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_init(&a, &w);
	cr_assert_eq(reader_join(&a, prefix_of("room/"), 8, false), 0);
	cr_assert_eq(publish(&w, "room/7", "x"), 0);
	p = subscriber_next(&a.sub);
	cr_assert(weir_str_eq(p->view.name, WEIR_STR("room/7")));
	cr_assert(weir_str_eq(p->view.scope, WEIR_STR("mod")));
	(void)publication_unref(p);
	topics_done(&w.topics);
}

Test(topics, looks_only_at_lengths_that_prefixes_have)
{
	struct reader a, b, c;
	struct world w;

	world_init(&w, 0);
	reader_init(&a, &w);
	reader_init(&b, &w);
	reader_init(&c, &w);
	cr_assert_eq(reader_join(&a, prefix_of("abc"), 8, false), 0);
	cr_assert_eq(reader_join(&b, prefix_of("xyz"), 8, false), 0);
	cr_assert_eq(reader_join(&c, prefix_of("x"), 8, false), 0);
	cr_assert_eq(w.topics.n_prefixes, 2);
	cr_assert_eq(w.topics.prefixes[0].len, 1);
	topics_unsubscribe(&a.sub);
	cr_assert_eq(w.topics.n_prefixes, 2);
	topics_unsubscribe(&c.sub);
	cr_assert_eq(w.topics.n_prefixes, 1);
	topics_unsubscribe(&b.sub);
	cr_assert_eq(w.topics.n_prefixes, 0);
	cr_assert_null(w.topics.prefixes);
	topics_done(&w.topics);
}

Test(topics, exist_while_they_have_a_subscriber_and_say_so)
{
	struct reader a, b, c;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	reader_new(&b, &w, "t", 8);
	reader_new(&c, &w, "t", 9);
	cr_assert_eq(w.topics.n_topics, 1);
	topics_unsubscribe(&a.sub);
	topics_unsubscribe(&b.sub);
	cr_assert_str_eq(w.notes, "+t ");
	topics_unsubscribe(&c.sub);
	cr_assert_eq(w.topics.n_topics, 0);
	reader_init(&a, &w);
	cr_assert_eq(reader_join(&a, prefix_of("t"), 8, false), 0);
	topics_unsubscribe(&a.sub);
	topics_unsubscribe(&a.sub);
	cr_assert_str_eq(w.notes, "+t -t +t* -t* ");
	topics_done(&w.topics);
}

Test(topics, sends_out_what_is_published_here_and_only_that)
{
	const struct publication_view view = { .scope = WEIR_STR("mod"),
					       .name = WEIR_STR("t"),
					       .bytes = WEIR_STR("theirs") };
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	w.notes[0] = 0;
	cr_assert_eq(publish(&w, "t", "ours"), 0);
	cr_assert_eq(topics_deliver(&w.topics, &view), 0);
	cr_assert_eq(publish(&w, "nobody's", "out"), 0);
	cr_assert_str_eq(w.notes, "=ours =out ");
	cr_assert_str_eq(reader_take_all(&a), "ours theirs ");
	topics_done(&w.topics);
}

Test(topics, needs_no_hooks)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	w.topics.hooks = (struct topics_hooks){ 0 };
	reader_new(&a, &w, "t", 8);
	cr_assert_eq(publish(&w, "t", "1"), 0);
	topics_unsubscribe(&a.sub);
	topics_done(&w.topics);
}

Test(topics, refuses_names_that_are_too_long)
{
	char name[TOPICS_NAME_MAX + 2];
	struct reader a;
	struct world w;

	world_init(&w, 0);
	memset(name, 'n', sizeof(name));
	name[TOPICS_NAME_MAX + 1] = 0;
	reader_init(&a, &w);
	cr_assert_eq(reader_join(&a, key_of(name), 8, false), -EMSGSIZE);
	cr_assert_eq(publish(&w, name, "x"), -EMSGSIZE);
	name[TOPICS_NAME_MAX] = 0;
	cr_assert_eq(reader_join(&a, key_of(name), 8, false), 0);
	cr_assert_eq(publish(&w, name, "x"), 0);
	cr_assert_str_eq(reader_take_all(&a), "x ");
	topics_done(&w.topics);
}

Test(topics, counts)
{
	struct reader a, b;
	struct topic *t;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 2);
	reader_new(&b, &w, "t", 2);
	t = subscriber_topic(&a.sub);
	publish_numbers(&w, "t", 1, 3);
	publish_numbers(&w, "u", 1, 3);
	(void)reader_take_all(&a);
	cr_assert_eq(t->counts.published, 3);
	cr_assert_eq(t->counts.delivered, 2);
	cr_assert_eq(t->counts.dropped, 2);
	cr_assert_eq(w.topics.logs.counts.published, 6);
	cr_assert_eq(w.topics.logs.counts.delivered, 2);
	cr_assert_eq(w.topics.logs.counts.dropped, 2);
	topics_note_lost(&w.topics, 5);
	topics_note_lost(&w.topics, 2);
	cr_assert_eq(w.topics.n_lost, 7);
	topics_done(&w.topics);
}

#define MANY 1000

Test(topics, may_be_many_and_are_all_found)
{
	static struct reader readers[MANY];
	struct world w;
	unsigned n = 0;
	char name[16];

	world_init(&w, 0);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		reader_new(&readers[i], &w, name, 8);
	}
	for (struct topic *t = NULL; (t = topics_next(&w.topics, t)); n++)
		t->counts.dropped = 77;
	cr_assert_eq(n, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		cr_assert_eq(subscriber_topic(&readers[i].sub)->counts.dropped, 77);
		(void)snprintf(name, sizeof(name), "%u", i);
		cr_assert_eq(publish(&w, name, name), 0);
	}
	cr_assert_eq(w.topics.n_slots, 1024);
	for (unsigned i = 0; i < MANY; i++) {
		cr_assert(reader_take(&readers[i]));
		cr_assert_eq(strtoul(readers[i].got, NULL, 10), i);
		topics_unsubscribe(&readers[i].sub);
	}
	cr_assert_eq(w.topics.n_slots, 16, "the table gives back what it does not need");
	cr_assert_null(topics_next(&w.topics, NULL));
	topics_done(&w.topics);
}

/* --- from within ready() --- */

static void leave(struct reader *reader)
{
	topics_unsubscribe(&reader->sub);
}

static void other_leaves(struct reader *reader)
{
	topics_unsubscribe(&reader->other->sub);
}

static void other_joins(struct reader *reader)
{
	if (!reader->other->sub.log)
		cr_assert_eq(reader_join(reader->other, key_of("t"), 8, false), 0);
}

static void take_and_answer(struct reader *reader)
{
	(void)reader_take_all(reader);
	if (reader->n_ready == 1)
		cr_assert_eq(publish(reader->world, "t", "answer"), 0);
}

Test(topics, ready_may_unsubscribe_itself)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	reader_new(&b, &w, "t", 8);
	a.then = leave;
	b.then = leave;
	cr_assert_eq(publish(&w, "t", "1"), 0);
	cr_assert_eq(a.n_ready, 1);
	cr_assert_eq(b.n_ready, 1);
	cr_assert_eq(w.topics.n_topics, 0, "the topic has gone while it was published to");
	topics_done(&w.topics);
}

Test(topics, ready_may_unsubscribe_another_that_is_then_not_told)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	reader_new(&b, &w, "t", 8);
	a.then = other_leaves;
	a.other = &b;
	cr_assert_eq(publish(&w, "t", "1"), 0);
	cr_assert_eq(b.n_ready, 0);
	cr_assert_str_eq(reader_take_all(&a), "1 ");
	topics_done(&w.topics);
}

Test(topics, ready_may_subscribe_another_from_the_next_one_on)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 8);
	reader_init(&b, &w);
	a.then = other_joins;
	a.other = &b;
	cr_assert_eq(publish(&w, "t", "1"), 0);
	cr_assert_eq(b.n_ready, 0);
	cr_assert_eq(publish(&w, "t", "2"), 0);
	cr_assert_str_eq(reader_take_all(&b), "2 ");
	cr_assert_str_eq(reader_take_all(&a), "1 2 ");
	topics_done(&w.topics);
}

Test(topics, what_ready_publishes_goes_behind)
{
	struct reader first, last, prefix;
	struct world w;

	world_init(&w, 0);
	reader_new(&first, &w, "t", 8);
	reader_new(&last, &w, "t", 8);
	reader_init(&prefix, &w);
	cr_assert_eq(reader_join(&prefix, prefix_of("t"), 8, false), 0);
	first.then = take_and_answer;
	w.notes[0] = 0;
	cr_assert_eq(publish(&w, "t", "question"), 0);
	cr_assert_str_eq(w.notes, "=question =answer ");
	cr_assert_str_eq(first.got, "question answer ");
	cr_assert_eq(first.n_ready, 2);
	cr_assert_eq(last.n_ready, 1);
	cr_assert_str_eq(reader_take_all(&last), "question answer ");
	cr_assert_str_eq(reader_take_all(&prefix), "question answer ");
	topics_done(&w.topics);
}

static void publish_until_other_ends(struct reader *reader)
{
	if (reader->n_ready > 1)
		return;
	cr_assert_eq(publish(reader->world, "t", "2"), 0);
	cr_assert_eq(reader->other->n_ready, 0);
	cr_assert(subscriber_is_ended(&reader->other->sub));
}

Test(topics, who_is_ended_before_it_was_told_is_told_once)
{
	struct reader fast, slow;
	struct world w;

	world_init(&w, 0);
	reader_init(&slow, &w);
	cr_assert_eq(reader_join(&slow, key_of("t"), 1, true), 0);
	/* Of a topic's logs the newest is told first. */
	reader_new(&fast, &w, "t", 8);
	fast.then = publish_until_other_ends;
	fast.other = &slow;
	cr_assert_eq(publish(&w, "t", "1"), 0);
	cr_assert_eq(slow.n_ready, 1);
	cr_assert_not(reader_take(&slow));
	cr_assert_eq(subscriber_lost(&slow.sub), 2);
	cr_assert_str_eq(reader_take_all(&fast), "1 2 ");
	topics_done(&w.topics);
}

/* --- without memory --- */

static struct reader *ready_for_oom(struct world *w, struct reader readers[4])
{
	world_init(w, 0);
	reader_new(&readers[0], w, "t", 64);
	reader_new(&readers[1], w, "t", 8);
	reader_init(&readers[2], w);
	cr_assert_eq(reader_join(&readers[2], prefix_of(""), 64, false), 0);
	reader_init(&readers[3], w);
	return readers;
}

Test(topics, a_publication_without_memory_changes_nothing)
{
	struct reader readers[4];
	struct world w;
	unsigned n = 1;

	for (;; n++) {
		ready_for_oom(&w, readers);
		publish_numbers(&w, "t", 1, 4);
		(void)reader_take_all(&readers[1]);
		w.notes[0] = 0;
		oom_fail_at(n);
		if (publish(&w, "t", "5") == 0)
			break;
		cr_assert(oom_has_failed());
		cr_assert_str_eq(w.notes, "");
		cr_assert_eq(readers[1].n_ready, 1);
		cr_assert_eq(w.topics.logs.counts.published, 4);
		cr_assert_eq(subscriber_topic(&readers[0].sub)->counts.published, 4);
		cr_assert_str_eq(reader_take_all(&readers[0]), "1 2 3 4 ");
		cr_assert_str_eq(reader_take_all(&readers[1]), "1 2 3 4 ");
		cr_assert_str_eq(reader_take_all(&readers[2]), "1 2 3 4 ");
		cr_assert_eq(w.topics.logs.bytes, 0);
		publish_numbers(&w, "t", 5, 5);
		cr_assert_str_eq(reader_take_all(&readers[1]), "1 2 3 4 5 ");
		topics_done(&w.topics);
	}
	cr_assert_not(oom_has_failed());
	cr_assert_eq(n, 5, "a publication and three rings");
	topics_done(&w.topics);
}

Test(topics, a_subscription_without_memory_changes_nothing)
{
	struct topic_key key = prefix_of("new");
	struct reader readers[4];
	struct world w;
	unsigned n = 1;

	for (;; n++) {
		ready_for_oom(&w, readers);
		w.notes[0] = 0;
		oom_fail_at(n);
		if (reader_join(&readers[3], key, 64, false) == 0)
			break;
		cr_assert(oom_has_failed());
		cr_assert_null(readers[3].sub.log);
		cr_assert_eq(w.topics.n_topics, 2);
		cr_assert_eq(w.topics.n_prefixes, 1);
		cr_assert_str_eq(w.notes, "");
		topics_done(&w.topics);
	}
	cr_assert_not(oom_has_failed());
	cr_assert_eq(n, 4, "a topic, a log, a prefix");
	topics_done(&w.topics);
}

Test(topics, the_first_subscription_without_memory_is_none)
{
	struct reader a;
	struct world w;
	unsigned n = 1;

	for (;; n++) {
		world_init(&w, 0);
		reader_init(&a, &w);
		oom_fail_at(n);
		if (reader_join(&a, key_of("t"), 64, false) == 0)
			break;
		cr_assert_eq(w.topics.n_topics, 0);
		cr_assert_eq(publish(&w, "t", "1"), 0);
		topics_done(&w.topics);
	}
	cr_assert_not(oom_has_failed());
	topics_done(&w.topics);
}

Test(topics, who_asks_for_it_later_is_ended_too)
{
	struct reader a, b;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "a", 2);
	reader_new(&b, &w, "a", 2);
	cr_assert_eq(topics_end_if_slow(&a.sub), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(publish(&w, "a", "x"), 0);
	cr_assert(subscriber_is_ended(&a.sub));
	cr_assert_eq(a.n_ready, 2);
	cr_assert_not(subscriber_is_ended(&b.sub));
	cr_assert_str_eq(reader_take_all(&b), "x x ");
	topics_done(&w.topics);
}

Test(topics, who_has_something_to_take_keeps_it_instead)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "a", 2);
	cr_assert_eq(publish(&w, "a", "x"), 0);
	cr_assert_eq(topics_end_if_slow(&a.sub), 0);
	cr_assert_str_eq(reader_take_all(&a), "x ");
	topics_done(&w.topics);
}

Test(topics, who_cannot_be_ended_for_want_of_memory_stays_as_it_was)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "a", 2);
	oom_fail_at(1);
	cr_assert_eq(topics_end_if_slow(&a.sub), -ENOMEM);
	cr_assert(oom_has_failed());
	cr_assert_eq(publish(&w, "a", "x"), 0);
	cr_assert_str_eq(reader_take_all(&a), "x ");
	topics_done(&w.topics);
}
