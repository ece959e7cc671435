/* test_subscriber.c - what a subscriber sees of the log it stands in. */
#include "serve/subscriber.h"

#include <criterion/criterion.h>

#include "topics_world.h"

Test(subscriber, is_small)
{
	cr_assert_leq(sizeof(struct subscriber), 96);
}

Test(subscriber, of_nothing_gets_nothing)
{
	struct reader a;

	reader_init(&a, NULL);
	cr_assert_null(subscriber_next(&a.sub));
	cr_assert_not(subscriber_is_ended(&a.sub));
	cr_assert_null(subscriber_topic(&a.sub));
	cr_assert_eq(subscriber_lost(&a.sub), 0);
	topics_unsubscribe(&a.sub);
}

Test(subscriber, knows_its_topic)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 2);
	cr_assert(weir_str_eq(subscriber_topic(&a.sub)->key.name, WEIR_STR("t")));
	topics_unsubscribe(&a.sub);
	cr_assert_null(subscriber_topic(&a.sub));
	topics_done(&w.topics);
}

Test(subscriber, knows_its_losses_before_and_after_it_takes)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 2);
	publish_numbers(&w, "t", 1, 5);
	cr_assert_eq(subscriber_lost(&a.sub), 3);
	cr_assert(reader_take(&a));
	cr_assert_eq(subscriber_lost(&a.sub), 3);
	publish_numbers(&w, "t", 6, 7);
	cr_assert_eq(subscriber_lost(&a.sub), 4);
	cr_assert_str_eq(reader_take_all(&a), "4 6 7 ");
	cr_assert_eq(subscriber_lost(&a.sub), 4);
	topics_unsubscribe(&a.sub);
	cr_assert_eq(subscriber_lost(&a.sub), 4, "it may be asked when it has left");
	topics_done(&w.topics);
}

Test(subscriber, keeps_its_losses_when_it_leaves_before_it_takes)
{
	struct reader a;
	struct world w;

	world_init(&w, 0);
	reader_new(&a, &w, "t", 2);
	publish_numbers(&w, "t", 1, 5);
	topics_unsubscribe(&a.sub);
	cr_assert_eq(subscriber_lost(&a.sub), 3);
	cr_assert_eq(reader_join(&a, key_of("t"), 2, false), 0);
	cr_assert_eq(subscriber_lost(&a.sub), 0, "a new subscription begins anew");
	topics_done(&w.topics);
}

Test(subscriber, is_left_alone_when_all_topics_go)
{
	struct reader standing, caught_up, ended;
	struct world w;

	world_init(&w, 0);
	reader_new(&standing, &w, "t", 2);
	reader_new(&caught_up, &w, "t", 2);
	reader_init(&ended, &w);
	cr_assert_eq(reader_join(&ended, key_of("t"), 1, true), 0);
	publish_numbers(&w, "t", 1, 3);
	(void)reader_take_all(&caught_up);
	topics_done(&w.topics);
	cr_assert_null(subscriber_next(&standing.sub));
	cr_assert_null(subscriber_next(&caught_up.sub));
	cr_assert_eq(subscriber_lost(&standing.sub), 1);
	cr_assert_eq(subscriber_lost(&ended.sub), 2);
	topics_unsubscribe(&standing.sub);
	topics_unsubscribe(&ended.sub);
}
