/* test_job_queue.c - who is next. Jobs are named by the order in which they were made. */
#include "daemon/job_queue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "oom.h"

#define MAX_ITEMS 100

struct line {
	struct job_queue q;
	struct job_queue_item items[MAX_ITEMS];
	unsigned n;
	int64_t now_ms;
	unsigned blocked; /* this worker; UINT_MAX: none */
};

static void begin(struct line *l)
{
	memset(l, 0, sizeof(*l));
	job_queue_init(&l->q);
	l->now_ms = 1000000;
	l->blocked = UINT32_MAX;
}

static void put(struct line *l, int32_t priority, uint32_t route, unsigned worker)
{
	struct job_queue_item *item = &l->items[l->n++];

	*item = (struct job_queue_item){ .priority = priority, .route = route, .worker = worker };
	cr_assert_eq(job_queue_put(&l->q, item, l->now_ms), 0);
}

static bool is_blocked(void *arg, unsigned worker)
{
	struct line *l = arg;

	return worker == l->blocked;
}

/* The number of the next job; -1: none. */
static int take(struct line *l)
{
	struct job_queue_item *item = job_queue_take(&l->q, l->now_ms, is_blocked, l);

	return item ? (int)(item - l->items) : -1;
}

static void expect(struct line *l, const int *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(take(l), numbers[i], "turn %zu", i);
	cr_assert_eq(take(l), -1);
	cr_assert_eq(l->q.n, 0u);
	cr_assert(list_is_empty(&l->q.levels));
}

#define EXPECT(l, ...) expect(l, (int[]){ __VA_ARGS__ }, ARRAY_LEN(((int[]){ __VA_ARGS__ })))

Test(job_queue, those_of_one_flow_go_in_the_order_they_came)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 4; i++)
		put(&l, 0, 1, 0);
	cr_assert_eq(l.q.n, 4u);
	EXPECT(&l, 0, 1, 2, 3);
}

Test(job_queue, routes_take_turns)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 4; i++)
		put(&l, 0, 1, 0);
	put(&l, 0, 2, 0);
	put(&l, 0, 2, 0);
	put(&l, 0, 3, 0);
	EXPECT(&l, 0, 4, 6, 1, 5, 2, 3);
}

Test(job_queue, workers_take_turns)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 3; i++)
		put(&l, 0, 1, 0);
	put(&l, 0, 1, 5);
	put(&l, 0, 1, 5);
	EXPECT(&l, 0, 3, 1, 4, 2);
}

/* A route has its share, however many workers serve it. */
Test(job_queue, routes_go_before_workers)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 4; i++)
		put(&l, 0, 1, i);
	put(&l, 0, 2, 0);
	put(&l, 0, 2, 0);
	EXPECT(&l, 0, 4, 1, 5, 2, 3);
}

Test(job_queue, who_comes_last_waits_for_one_job_of_each_other)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 20; i++)
		put(&l, 0, 1 + i % 2, 0);
	cr_assert_eq(take(&l), 0);
	put(&l, 0, 9, 0);
	cr_assert_eq(take(&l), 1);
	cr_assert_eq(take(&l), 2);
	cr_assert_eq(take(&l), 20);
	job_queue_done(&l.q);
}

Test(job_queue, higher_priorities_go_first)
{
	struct line l;

	begin(&l);
	put(&l, -5, 1, 0);
	put(&l, 0, 1, 0);
	put(&l, 7, 1, 0);
	put(&l, 0, 2, 0);
	put(&l, INT32_MAX, 3, 0);
	put(&l, INT32_MIN, 3, 0);
	EXPECT(&l, 4, 2, 1, 3, 0, 5);
}

Test(job_queue, a_priority_ages_while_it_is_not_served)
{
	struct line l;
	unsigned n_before = 0;

	begin(&l);
	put(&l, 0, 1, 0);
	put(&l, 3, 2, 0);
	put(&l, 3, 2, 0);
	while (take(&l) != 0) {
		n_before++;
		cr_assert_lt(n_before, 50u);
		put(&l, 3, 2, 0);
		l.now_ms += JOB_QUEUE_AGE_MS / 4;
	}
	cr_assert_eq(n_before, 12u);
	job_queue_done(&l.q);
}

/* Else whoever sent the most at first would be served before all that come later. */
Test(job_queue, a_flood_does_not_gain_by_its_age)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 40; i++)
		put(&l, 0, 1, 0);
	for (int i = 0; i < 20; i++) {
		l.now_ms += JOB_QUEUE_AGE_MS;
		cr_assert_eq(take(&l), i);
	}
	put(&l, 1, 2, 0);
	put(&l, 0, 3, 0);
	cr_assert_eq(take(&l), 40);
	cr_assert_eq(take(&l), 20);
	cr_assert_eq(take(&l), 41);
	job_queue_done(&l.q);
}

Test(job_queue, who_is_blocked_is_passed_over_and_keeps_his_place)
{
	struct line l;

	begin(&l);
	put(&l, 9, 1, 3);
	put(&l, 0, 1, 3);
	put(&l, 0, 1, 1);
	put(&l, 0, 2, 3);
	l.blocked = 3;
	cr_assert_eq(take(&l), 2);
	cr_assert_eq(take(&l), -1);
	cr_assert_eq(l.q.n, 3u);
	l.blocked = UINT32_MAX;
	EXPECT(&l, 0, 3, 1);
}

Test(job_queue, what_is_removed_does_not_come)
{
	struct line l;

	begin(&l);
	for (unsigned i = 0; i < 3; i++)
		put(&l, 0, 1, 0);
	put(&l, 0, 2, 0);
	put(&l, 4, 2, 0);
	job_queue_remove(&l.q, &l.items[0]);
	cr_assert_null(l.items[0].flow);
	job_queue_remove(&l.q, &l.items[4]);
	job_queue_remove(&l.q, &l.items[3]);
	EXPECT(&l, 1, 2);
}

/* Who gives up one of his jobs does not lose his turn by it. */
Test(job_queue, removing_does_not_change_the_turns)
{
	struct line l;

	begin(&l);
	put(&l, 0, 1, 0);
	put(&l, 0, 1, 0);
	put(&l, 0, 2, 0);
	job_queue_remove(&l.q, &l.items[0]);
	EXPECT(&l, 1, 2);
}

Test(job_queue, without_memory_it_refuses_and_stays_whole)
{
	for (unsigned n = 1;; n++) {
		unsigned n_refused = 0;
		bool has_failed;
		struct line l;

		begin(&l);
		oom_fail_at(n);
		for (unsigned i = 0; i < 12; i++) {
			struct job_queue_item *item = &l.items[i];

			*item = (struct job_queue_item){ .priority = (int)i % 2,
							 .route = i % 3,
							 .worker = i };
			n_refused += job_queue_put(&l.q, item, l.now_ms) == -ENOMEM;
		}
		has_failed = oom_has_failed();
		cr_assert_eq(n_refused, has_failed ? 1u : 0u);
		cr_assert_eq(l.q.n, 12u - n_refused);
		for (unsigned i = 0; i < 12 - n_refused; i++)
			cr_assert_geq(take(&l), 0);
		cr_assert(list_is_empty(&l.q.levels));
		if (!has_failed)
			break;
	}
}
