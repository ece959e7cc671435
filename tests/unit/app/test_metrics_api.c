/* test_metrics_api.c - what modules count. */
#include "app/metrics_api.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/metrics.h>

#include "app/module.h"
#include "base/log.h"
#include "metrics_says.h"

struct world {
	struct log log;
	int log_pipe[2];
	struct metrics_memory *memory;
	struct weir_app app;
};

static char shop[] = "shop";

static void world_init(struct world *w)
{
	*w = (struct world){ .app = { .name = shop, .log = &w->log } };
	cr_assert_eq(pipe2(w->log_pipe, O_NONBLOCK | O_CLOEXEC), 0);
	log_init(&w->log, w->log_pipe[1], LOG_AT_INFO);
	cr_assert_eq(metrics_memory_new(1, 65536, &w->memory), 0);
	cr_assert_eq(metrics_new(w->memory, 0, &w->app.metrics), 0);
}

static void world_done(struct world *w)
{
	metrics_api_free(w->app.counted);
	(void)metrics_free(w->app.metrics);
	(void)metrics_memory_free(w->memory);
}

static bool says(const struct world *w, const char *line)
{
	return metrics_says(w->memory, line);
}

static bool is_logged(const struct world *w, const char *words)
{
	char text[4096];
	ssize_t n = read(w->log_pipe[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return strstr(text, words);
}

Test(metrics_api, counts_what_it_is_told)
{
	struct world w;
	weir_gauge *carts;
	weir_histogram *prices;

	world_init(&w);
	weir_counter_add(weir_counter_new(&w.app, "shop_orders", "Orders."), 2);
	weir_counter_add(weir_counter_new(&w.app, "shop_orders", "Orders."), 1);
	carts = weir_gauge_new(&w.app, "shop_carts", "Carts.");
	weir_gauge_set(carts, 4);
	weir_gauge_add(carts, -1.5);
	prices = weir_histogram_new(&w.app, "shop_price_euros", "Prices.", .unit = "euros",
				    .bounds = (const double[]){ 1, 10 }, .n_bounds = 2);
	weir_histogram_add(prices, 10);
	weir_histogram_add(prices, 10.5);
	cr_expect(says(&w, "\nshop_orders_total 3\n"));
	cr_expect(says(&w, "\nshop_carts 2.5\n"));
	cr_expect(says(&w, "\nshop_price_euros_bucket{le=\"10.0\"} 1\n"));
	cr_expect(says(&w, "\nshop_price_euros_sum 20.5\n"));
	world_done(&w);
}

Test(metrics_api, has_labels)
{
	struct world w;
	weir_counter *orders;

	world_init(&w);
	orders = weir_counter_new(&w.app, "shop_orders", "Orders.", .labels = "kind country");
	weir_counter_add(weir_counter_of(orders, WEIR_STR("book"), WEIR_STR("de")), 2);
	weir_counter_add(weir_counter_of(orders, WEIR_STR("book"), WEIR_STR("de")), 1);
	weir_counter_add(weir_counter_of(orders, WEIR_STR("a\"b"), WEIR_STR("")), 1);
	weir_counter_add(weir_counter_of(orders, WEIR_STR("book")), 100);
	weir_counter_add(orders, 100);
	cr_expect(says(&w, "\nshop_orders_total{kind=\"book\",country=\"de\"} 3\n"));
	cr_expect(says(&w, "\nshop_orders_total{kind=\"a\\\"b\",country=\"\"} 1\n# EOF"),
		  "and nothing else");
	world_done(&w);
}

Test(metrics_api, clients_cannot_make_it_grow_without_end)
{
	struct world w;
	weir_counter *hits;

	world_init(&w);
	hits = weir_counter_new(&w.app, "shop_hits", "Hits.", .labels = "who", .max_series = 3);
	for (unsigned i = 0; i < 1000; i++) {
		char who[12];

		(void)snprintf(who, sizeof(who), "%u", i);
		weir_counter_add(weir_counter_of(hits, weir_strz(who)), 1);
	}
	weir_counter_add(weir_counter_of(hits, WEIR_STR("1")), 1);
	cr_expect(says(&w, "\nshop_hits_total{who=\"1\"} 2\n"));
	cr_expect(says(&w, "\nshop_hits_total{who=\"other\"} 997\n# EOF"));
	cr_expect(is_logged(&w, "shop: shop_hits has 3 combinations of labels"));
	cr_expect_not(is_logged(&w, "shop_hits"), "once");
	world_done(&w);
}

Test(metrics_api, says_what_is_wrong_and_counts_nothing)
{
	struct world w;

	world_init(&w);
	cr_expect_null(weir_counter_new(&w.app, "weir_orders", "x"));
	cr_expect(is_logged(&w, "the server's own"));
	cr_expect_null(weir_counter_new(&w.app, "a-b", "x"));
	cr_expect_null(weir_counter_new(&w.app, "a", "x", .unit = "seconds"));
	cr_expect_null(weir_counter_new(&w.app, "a", "x", .labels = "a a"));
	cr_expect_null(weir_counter_new(&w.app, "a", "x", .labels = "a,b"));
	cr_expect_null(weir_counter_new(&w.app, "a", "x", .labels = "a b c d e f g h i"));
	cr_expect_null(weir_histogram_new(&w.app, "a", "x", .bounds = (const double[]){ 2, 1 },
					  .n_bounds = 2));
	cr_expect(is_logged(&w, "a-b is not counted: its name"));
	cr_expect_not_null(weir_counter_new(&w.app, "a", "x"));
	cr_expect_null(weir_gauge_new(&w.app, "a", "x"));
	cr_expect(is_logged(&w, "something else of this name"));
	weir_counter_add(NULL, 1);
	weir_gauge_set(NULL, 1);
	weir_gauge_add(NULL, 1);
	weir_histogram_add(NULL, 1);
	cr_expect_null(weir_counter_of((weir_counter *)NULL, WEIR_STR("x")));
	world_done(&w);
}

Test(metrics_api, where_nobody_counts_there_is_nothing)
{
	struct weir_app app = { .name = shop };

	cr_expect_null(weir_counter_new(&app, "a", "x"));
}

Test(metrics_api, no_number_is_in_no_bucket_with_a_bound)
{
	struct world w;

	world_init(&w);
	weir_histogram_add(weir_histogram_new(&w.app, "a", "x"), 0. / 0.);
	cr_expect(says(&w, "\na_bucket{le=\"10.0\"} 0\n"));
	cr_expect(says(&w, "\na_bucket{le=\"+Inf\"} 1\n"));
	world_done(&w);
}
