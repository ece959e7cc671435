/* test_metrics_view.c - the sums of several processes. */
#include "base/metrics_view.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "base/histogram.h"

static const double bounds[] = { 1, 2 };
static const double other_bounds[] = { 1, 3 };

static const struct metric_def orders = { METRIC_COUNTER, "b_orders", NULL, "Orders.", NULL, 0 };
static const struct metric_def open_now = { METRIC_GAUGE, "a_open", NULL, "Open.", NULL, 0 };
static const struct metric_def waits = { METRIC_HISTOGRAM, "c_wait_seconds", "seconds",
					 "Waits.",	   bounds,	     2 };

struct world {
	struct metrics_memory *memory;
	struct metrics *a, *b;
};

static void world_init(struct world *w)
{
	cr_assert_eq(metrics_memory_new(3, 8192, &w->memory), 0);
	cr_assert_eq(metrics_new(w->memory, 0, &w->a), 0);
	cr_assert_eq(metrics_new(w->memory, 1, &w->b), 0);
}

static void world_done(struct world *w)
{
	(void)metrics_free(w->a);
	(void)metrics_free(w->b);
	(void)metrics_memory_free(w->memory);
}

static uint64_t *words_of(struct metrics *m, const struct metric_def *def, weir_str labels)
{
	uint64_t *words;

	cr_assert_eq(metrics_add(m, def, labels, &words), 0);
	return words;
}

Test(metrics_view, sums_what_has_the_same_labels)
{
	struct world w;
	struct metrics_view *view;
	const struct metrics_group *group;

	world_init(&w);
	metrics_count(words_of(w.a, &orders, WEIR_STR("kind=\"book\"")), 1);
	metrics_count(words_of(w.a, &orders, WEIR_STR("kind=\"pen\"")), 10);
	metrics_count(words_of(w.b, &orders, WEIR_STR("kind=\"pen\"")), 100);
	metrics_set(words_of(w.a, &open_now, WEIR_STR("")), 1.5);
	metrics_set(words_of(w.b, &open_now, WEIR_STR("")), 2);
	cr_assert_eq(metrics_view_new(w.memory, &view), 0);
	cr_expect_eq(metrics_view_total(view, WEIR_STR("b_orders")), 111);
	cr_expect_eq(metrics_view_total(view, WEIR_STR("a_open")), 3.5);
	cr_expect_eq(metrics_view_total(view, WEIR_STR("none")), 0);
	group = metrics_view_groups(view);
	cr_expect(weir_str_eq(group->name, WEIR_STR("a_open")), "sorted by name");
	group = group->next;
	cr_expect_eq(group->first->words[0], 1);
	cr_expect(weir_str_eq(group->first->next->labels, WEIR_STR("kind=\"pen\"")));
	cr_expect_eq(group->first->next->words[0], 110);
	cr_expect_null(group->first->next->next);
	(void)metrics_view_free(view);
	world_done(&w);
}

Test(metrics_view, sums_buckets)
{
	struct world w;
	struct metrics_view *view;
	const struct metrics_group *group;
	uint64_t *words;

	world_init(&w);
	words = words_of(w.a, &waits, WEIR_STR(""));
	metrics_add_real(&words[0], 0.5);
	metrics_count(&words[1], 1);
	words = words_of(w.b, &waits, WEIR_STR(""));
	metrics_add_real(&words[0], 9);
	metrics_count(&words[3], 1);
	cr_assert_eq(metrics_view_new(w.memory, &view), 0);
	group = metrics_view_find(view, WEIR_STR("c_wait_seconds"));
	cr_assert_not_null(group);
	cr_expect_eq(metrics_real(group->first->words[0]), 9.5);
	cr_expect_eq(metrics_view_count(group, group->first), 2);
	cr_expect_eq(metrics_view_total(view, group->name), 2);
	(void)metrics_view_free(view);
	world_done(&w);
}

Test(metrics_view, a_name_with_another_meaning_does_not_spoil_it)
{
	struct metric_def changed = waits;
	struct world w;
	struct metrics_view *view;

	world_init(&w);
	changed.bounds = other_bounds;
	metrics_count(&words_of(w.a, &waits, WEIR_STR(""))[1], 1);
	metrics_count(&words_of(w.b, &changed, WEIR_STR(""))[1], 1);
	cr_assert_eq(metrics_view_new(w.memory, &view), 0);
	cr_expect_eq(metrics_view_total(view, weir_strz(waits.name)), 1);
	(void)metrics_view_free(view);
	world_done(&w);
}

Test(metrics_view, takes_numbers_from_elsewhere)
{
	static const struct metric_def lags = {
		METRIC_HISTOGRAM, "lag_seconds", "seconds", "", NULL, 0
	};
	struct metrics_view *view;
	const struct metrics_group *group;
	struct histogram h = { 0 };

	histogram_add(&h, 3);
	histogram_add(&h, 2000000);
	cr_assert_eq(metrics_view_new(NULL, &view), 0);
	cr_assert_eq(metrics_view_add(view, &orders, WEIR_STR(""), 7), 0);
	cr_assert_eq(metrics_view_add(view, &orders, WEIR_STR(""), 7), 0);
	cr_assert_eq(metrics_view_add_histogram(view, &lags, WEIR_STR("w=\"0\""), &h), 0);
	cr_expect_eq(metrics_view_total(view, WEIR_STR("b_orders")), 14);
	group = metrics_view_find(view, WEIR_STR("lag_seconds"));
	cr_expect_eq(metrics_view_count(group, group->first), 2);
	cr_expect_float_eq(metrics_real(group->first->words[0]), 2.000003, 1e-9);
	cr_expect_eq(group->first->words[3], 1, "3 us is among those up to 4 us");
	cr_expect_float_eq(group->bounds[2], 4e-6, 1e-12);
	(void)metrics_view_free(view);
}

Test(metrics_view, holds_many)
{
	struct metrics_memory *memory;
	struct metrics *m;
	struct metrics_view *view;
	metrics_family family;
	uint64_t *words;

	cr_assert_eq(metrics_memory_new(1, 1 << 20, &memory), 0);
	cr_assert_eq(metrics_new(memory, 0, &m), 0);
	cr_assert_eq(metrics_add_family(m, &orders, &family), 0);
	for (unsigned i = 0; i < 1000; i++) {
		char text[METRICS_TEXT_MAX], number[12];
		size_t len;

		(void)snprintf(number, sizeof(number), "%u", i);
		len = metrics_put_label(text, 0, "n", weir_strz(number));
		cr_assert_eq(metrics_add_series(m, family, (weir_str){ text, len }, &words), 0);
		metrics_count(words, i);
	}
	cr_assert_eq(metrics_view_new(memory, &view), 0);
	cr_expect_eq(metrics_view_total(view, WEIR_STR("b_orders")), 999 * 1000 / 2);
	(void)metrics_view_free(view);
	(void)metrics_free(m);
	(void)metrics_memory_free(memory);
}
