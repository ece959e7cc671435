/* test_timers.c - see io/timers.h. Each entry writes its name into a book when it fires. */
#include "io/timers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/macro.h"

struct book {
	struct timers timers;
	char text[64];
	size_t len;
};

struct entry {
	struct timer timer;
	struct book *book;
	struct entry *stops, *starts; /* when it fires; NULL for none */
	int64_t starts_at_ms;
	char name;
};

static void on_fire(struct timer *timer)
{
	struct entry *e = container_of(timer, struct entry, timer);
	struct book *book = e->book;

	cr_assert_not(timer_is_active(timer), "it is stopped before it is called");
	cr_assert_lt(book->len, sizeof(book->text) - 1);
	book->text[book->len++] = e->name;
	if (e->stops)
		timers_stop(&book->timers, &e->stops->timer);
	if (e->starts)
		timers_start(&book->timers, &e->starts->timer, e->starts_at_ms);
}

static struct entry *entry_init(struct entry *e, struct book *book, char name)
{
	*e = (struct entry){ .book = book, .name = name };
	timer_init(&e->timer, on_fire);
	return e;
}

Test(timers, have_no_next_point_when_there_is_none)
{
	struct timers timers = { 0 };

	cr_assert_eq(timers_next_ms(&timers), INT64_MAX);
	timers_fire(&timers, 1000);
}

Test(timers, fire_when_due_and_not_before)
{
	struct book book = { 0 };
	struct entry a;

	timers_start(&book.timers, &entry_init(&a, &book, 'a')->timer, 100);
	cr_assert(timer_is_active(&a.timer));
	timers_fire(&book.timers, 99);
	cr_assert_str_eq(book.text, "");
	timers_fire(&book.timers, 100);
	cr_assert_str_eq(book.text, "a");
	timers_fire(&book.timers, 200);
	cr_assert_str_eq(book.text, "a", "once");
}

Test(timers, fire_in_order_of_time)
{
	struct book book = { 0 };
	struct entry a, b, c;

	timers_start(&book.timers, &entry_init(&c, &book, 'c')->timer, 30);
	timers_start(&book.timers, &entry_init(&a, &book, 'a')->timer, 10);
	timers_start(&book.timers, &entry_init(&b, &book, 'b')->timer, 20);
	cr_assert_eq(timers_next_ms(&book.timers), 10);
	timers_fire(&book.timers, 30);
	cr_assert_str_eq(book.text, "abc");
}

Test(timers, of_one_point_fire_in_the_order_they_were_started)
{
	struct book book = { 0 };
	struct entry entries[8];

	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		entry_init(&entries[i], &book, (char)('a' + i));
		timers_start(&book.timers, &entries[i].timer, 10);
	}
	timers_fire(&book.timers, 10);
	cr_assert_str_eq(book.text, "abcdefgh");
}

Test(timers, do_not_fire_when_stopped)
{
	struct book book = { 0 };
	struct entry a, b;

	timers_start(&book.timers, &entry_init(&a, &book, 'a')->timer, 10);
	timers_start(&book.timers, &entry_init(&b, &book, 'b')->timer, 20);
	timers_stop(&book.timers, &a.timer);
	cr_assert_not(timer_is_active(&a.timer));
	cr_assert_eq(timers_next_ms(&book.timers), 20);
	timers_fire(&book.timers, 100);
	cr_assert_str_eq(book.text, "b");
}

Test(timers, may_be_stopped_twice)
{
	struct book book = { 0 };
	struct entry a;

	timers_stop(&book.timers, &entry_init(&a, &book, 'a')->timer);
	timers_start(&book.timers, &a.timer, 10);
	timers_stop(&book.timers, &a.timer);
	timers_stop(&book.timers, &a.timer);
	cr_assert_eq(timers_next_ms(&book.timers), INT64_MAX);
}

Test(timers, move_when_started_again)
{
	struct book book = { 0 };
	struct entry a, b;

	timers_start(&book.timers, &entry_init(&a, &book, 'a')->timer, 10);
	timers_start(&book.timers, &entry_init(&b, &book, 'b')->timer, 20);
	timers_start(&book.timers, &a.timer, 30);
	cr_assert_eq(timers_next_ms(&book.timers), 20);
	timers_fire(&book.timers, 30);
	cr_assert_str_eq(book.text, "ba");
}

Test(timers, may_stop_others_that_are_due)
{
	struct book book = { 0 };
	struct entry a, b;

	entry_init(&a, &book, 'a')->stops = &b;
	timers_start(&book.timers, &a.timer, 10);
	timers_start(&book.timers, &entry_init(&b, &book, 'b')->timer, 10);
	timers_fire(&book.timers, 10);
	cr_assert_str_eq(book.text, "a");
}

Test(timers, started_while_firing_wait_for_the_next_call)
{
	struct book book = { 0 };
	struct entry a;

	entry_init(&a, &book, 'a')->starts = &a;
	a.starts_at_ms = 10;
	timers_start(&book.timers, &a.timer, 10);
	timers_fire(&book.timers, 10);
	cr_assert_str_eq(book.text, "a");
	timers_fire(&book.timers, 10);
	cr_assert_str_eq(book.text, "aa");
}

Test(timers, one_that_starts_itself_in_the_past_keeps_nobody_waiting)
{
	struct book book = { 0 };
	struct entry a, b, c;

	entry_init(&a, &book, 'a')->starts = &a;
	a.starts_at_ms = 1;
	timers_start(&book.timers, &a.timer, 10);
	timers_start(&book.timers, &entry_init(&b, &book, 'b')->timer, 11);
	timers_start(&book.timers, &entry_init(&c, &book, 'c')->timer, 12);
	timers_fire(&book.timers, 12);
	cr_assert_str_eq(book.text, "abc");
}

Test(timers, started_in_the_past_are_due_at_once)
{
	struct book book = { 0 };
	struct entry a;

	timers_fire(&book.timers, 1000);
	timers_start(&book.timers, &entry_init(&a, &book, 'a')->timer, 5);
	cr_assert_leq(timers_next_ms(&book.timers), 1000);
	timers_fire(&book.timers, 1000);
	cr_assert_str_eq(book.text, "a");
}

enum { MANY = 2000 };

struct one_of_many {
	struct timer timer;
	int64_t *last_ms; /* of all: when the one before fired */
	unsigned *n_fired;
	int64_t at_ms; /* as it was started, -1: stopped */
};

static void on_one(struct timer *timer)
{
	struct one_of_many *one = container_of(timer, struct one_of_many, timer);

	cr_assert_geq(one->at_ms, *one->last_ms, "in order");
	*one->last_ms = one->at_ms;
	(*one->n_fired)++;
}

/* Numerical Recipes' generator: the same numbers in every run. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* What a model that keeps no order says: the earliest of those that run. */
static int64_t earliest(const struct one_of_many *all)
{
	int64_t min_ms = INT64_MAX;

	for (size_t i = 0; i < MANY; i++) {
		if (all[i].at_ms >= 0 && all[i].at_ms < min_ms)
			min_ms = all[i].at_ms;
	}
	return min_ms;
}

Test(timers, stay_in_order_whatever_is_started_moved_and_stopped)
{
	struct one_of_many *all = calloc(MANY, sizeof(*all));
	unsigned n_fired = 0, n_running = 0;
	struct timers timers = { 0 };
	int64_t last_ms = 0;
	uint32_t seed = 7;

	for (size_t i = 0; i < MANY; i++) {
		all[i] = (struct one_of_many){ .last_ms = &last_ms,
					       .n_fired = &n_fired,
					       .at_ms = -1 };
		timer_init(&all[i].timer, on_one);
	}
	for (size_t step = 0; step < 5 * MANY; step++) {
		struct one_of_many *one = &all[next_random(&seed) % MANY];

		if (next_random(&seed) % 3 == 0) {
			timers_stop(&timers, &one->timer);
			one->at_ms = -1;
		} else {
			one->at_ms = 1 + next_random(&seed) % 1000;
			timers_start(&timers, &one->timer, one->at_ms);
		}
		if (step % 100 == 0)
			cr_assert_eq(timers_next_ms(&timers), earliest(all));
	}
	for (size_t i = 0; i < MANY; i++)
		n_running += all[i].at_ms >= 0;
	for (int64_t now_ms = 0; now_ms <= 1000; now_ms += 37)
		timers_fire(&timers, now_ms);
	timers_fire(&timers, 1000);
	cr_assert_eq(n_fired, n_running);
	cr_assert_eq(timers_next_ms(&timers), INT64_MAX);
	free(all);
}

static void on_nothing(struct timer *timer)
{
}

Test(timers, need_no_stack_for_many_siblings)
{
	enum { SIBLINGS = 200000 };
	struct timer *all = calloc(SIBLINGS, sizeof(*all));
	struct timers timers = { 0 };

	for (int i = 0; i < SIBLINGS; i++) {
		timer_init(&all[i], on_nothing);
		timers_start(&timers, &all[i], 10 + i);
	}
	timers_fire(&timers, 10);
	cr_assert_eq(timers_next_ms(&timers), 11);
	timers_fire(&timers, 10 + SIBLINGS);
	cr_assert_eq(timers_next_ms(&timers), INT64_MAX);
	free(all);
}
