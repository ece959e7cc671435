/* test_metrics_page.c - GET /metrics. */
#include "app/metrics_page.h"

#include <criterion/criterion.h>

#include "app/site.h"
#include "app_world.h"
#include "base/metrics_view.h"

static unsigned n_updates;

static int collect(void *arg, struct metrics_view *view)
{
	static const struct metric_def more = { METRIC_GAUGE, "b", NULL, "", NULL, 0 };

	n_updates += !view;
	return view ? metrics_view_add(view, &more, WEIR_STR(""), 2) : 0;
}

static const char *ask(struct app_world *a)
{
	struct client *c = client_new(a->w);

	(void)app_world_route(a, "/metrics", metrics_page);
	client_send(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	return client_text(c);
}

Test(metrics_page, is_what_all_have_counted)
{
	static const struct metric_def orders = { METRIC_COUNTER, "a", NULL, "", NULL, 0 };
	struct app_world *a = app_world_new();
	struct site_metrics shown = { .collect = collect };
	struct metrics_memory *memory;
	struct metrics *m;
	uint64_t *words;
	const char *text;

	cr_assert_eq(metrics_memory_new(1, 8192, &memory), 0);
	cr_assert_eq(metrics_new(memory, 0, &m), 0);
	cr_assert_eq(metrics_add(m, &orders, WEIR_STR(""), &words), 0);
	metrics_count(words, 7);
	shown.memory = memory;
	a->site.shown = &shown;
	text = ask(a);
	cr_expect_eq(n_updates, 1);
	cr_expect(strstr(text, "content-type: application/openmetrics-text; version=1.0.0; "
			       "charset=utf-8\r\n"));
	cr_expect(strstr(text, "\r\n\r\n# TYPE a counter\na_total 7\n# TYPE b gauge\nb 2\n# EOF\n"),
		  "%s", text);
	app_world_free(a);
	(void)metrics_free(m);
	(void)metrics_memory_free(memory);
}

Test(metrics_page, is_not_there_where_nobody_counts)
{
	struct app_world *a = app_world_new();

	cr_expect(strstr(ask(a), "HTTP/1.1 404 Not Found\r\n"));
	app_world_free(a);
}
