/* test_metrics_text.c - OpenMetrics, byte by byte. */
#include "base/metrics_text.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/buf.h"
#include "base/metrics_view.h"

static const double bounds[] = { 0.001, 1, 2.5 };

static void expect(struct metrics_view *view, const char *wanted)
{
	struct buf out;

	buf_init(&out, 0);
	cr_assert_eq(metrics_text_write(view, &out), 0);
	cr_assert_eq(buf_append(&out, "", 1), 0);
	cr_expect_str_eq(out.data, wanted);
	buf_done(&out);
	(void)metrics_view_free(view);
}

static struct metrics_view *make(const struct metrics_memory *memory)
{
	struct metrics_view *view;

	cr_assert_eq(metrics_view_new(memory, &view), 0);
	return view;
}

static void put(struct metrics_view *view, const struct metric_def *def, weir_str labels,
		double value)
{
	cr_assert_eq(metrics_view_add(view, def, labels, value), 0);
}

Test(metrics_text, nothing)
{
	expect(make(NULL), "# EOF\n");
}

Test(metrics_text, counters_and_gauges)
{
	const struct metric_def requests = { METRIC_COUNTER, "requests", NULL,
					     "A \"b\\c\nd.", NULL,	 0 };
	const struct metric_def size = { METRIC_GAUGE, "size_bytes", "bytes", "Size.", NULL, 0 };
	struct metrics_view *view = make(NULL);

	put(view, &requests, WEIR_STR("code=\"200\""), 17);
	put(view, &requests, WEIR_STR("code=\"404\""), 9007199254740992.);
	put(view, &size, WEIR_STR(""), -0.1);
	expect(view, "# TYPE requests counter\n"
		     "# HELP requests A \\\"b\\\\c\\nd.\n"
		     "requests_total{code=\"200\"} 17\n"
		     "requests_total{code=\"404\"} 9007199254740992\n"
		     "# TYPE size_bytes gauge\n"
		     "# UNIT size_bytes bytes\n"
		     "# HELP size_bytes Size.\n"
		     "size_bytes -0.1\n"
		     "# EOF\n");
}

Test(metrics_text, odd_numbers)
{
	const struct metric_def size = { METRIC_GAUGE, "size", NULL, "", NULL, 0 };
	struct metrics_view *view = make(NULL);

	put(view, &size, WEIR_STR("a=\"1\""), 1. / 0.);
	put(view, &size, WEIR_STR("a=\"2\""), -1. / 0.);
	put(view, &size, WEIR_STR("a=\"3\""), 0. / 0.);
	put(view, &size, WEIR_STR("a=\"4\""), 1. / 3.);
	expect(view, "# TYPE size gauge\n"
		     "size{a=\"1\"} +Inf\n"
		     "size{a=\"2\"} -Inf\n"
		     "size{a=\"3\"} NaN\n"
		     "size{a=\"4\"} 0.33333333333333331\n"
		     "# EOF\n");
}

Test(metrics_text, histograms)
{
	const struct metric_def waits = { METRIC_HISTOGRAM, "w_seconds", "seconds", "", bounds, 3 };
	struct metrics_memory *memory;
	struct metrics *m;
	uint64_t *words;

	cr_assert_eq(metrics_memory_new(1, 8192, &memory), 0);
	cr_assert_eq(metrics_new(memory, 0, &m), 0);
	cr_assert_eq(metrics_add(m, &waits, WEIR_STR("r=\"/\""), &words), 0);
	metrics_set(&words[0], 4.5);
	words[1] = 1;
	words[2] = 2;
	words[4] = 3;
	expect(make(memory), "# TYPE w_seconds histogram\n"
			     "# UNIT w_seconds seconds\n"
			     "w_seconds_bucket{r=\"/\",le=\"0.001\"} 1\n"
			     "w_seconds_bucket{r=\"/\",le=\"1.0\"} 3\n"
			     "w_seconds_bucket{r=\"/\",le=\"2.5\"} 3\n"
			     "w_seconds_bucket{r=\"/\",le=\"+Inf\"} 6\n"
			     "w_seconds_count{r=\"/\"} 6\n"
			     "w_seconds_sum{r=\"/\"} 4.5\n"
			     "# EOF\n");
	(void)metrics_free(m);
	(void)metrics_memory_free(memory);
}

/* Then the sum may fall, and stands for nothing that only grows; without it there is no count (OpenMetrics 1.0). */
Test(metrics_text, histograms_of_negative_numbers_have_no_sum)
{
	static const double around[] = { -1, 0 };
	const struct metric_def drift = { METRIC_HISTOGRAM, "drift", NULL, "", around, 2 };
	struct metrics_memory *memory;
	struct metrics *m;
	uint64_t *words;

	cr_assert_eq(metrics_memory_new(1, 8192, &memory), 0);
	cr_assert_eq(metrics_new(memory, 0, &m), 0);
	cr_assert_eq(metrics_add(m, &drift, WEIR_STR(""), &words), 0);
	metrics_set(&words[0], -4.5);
	words[1] = 2;
	expect(make(memory), "# TYPE drift histogram\n"
			     "drift_bucket{le=\"-1.0\"} 2\n"
			     "drift_bucket{le=\"0.0\"} 2\n"
			     "drift_bucket{le=\"+Inf\"} 2\n"
			     "# EOF\n");
	(void)metrics_free(m);
	(void)metrics_memory_free(memory);
}

Test(metrics_text, help_that_is_no_utf8_does_not_spoil_the_rest)
{
	const struct metric_def size = { METRIC_GAUGE,
					 "size",
					 NULL,
					 "Gr\xf6\xdf"
					 "e",
					 NULL,
					 0 };
	struct metrics_view *view = make(NULL);

	put(view, &size, WEIR_STR(""), 1);
	expect(view, "# TYPE size gauge\n# HELP size Gr??e\nsize 1\n# EOF\n");
}

Test(metrics_text, says_when_it_does_not_fit)
{
	const struct metric_def size = { METRIC_GAUGE, "size", NULL, "", NULL, 0 };
	struct metrics_view *view = make(NULL);
	struct buf out;

	put(view, &size, WEIR_STR(""), 1);
	for (size_t limit = 1; limit < 31; limit++) {
		buf_init(&out, limit);
		cr_expect_eq(metrics_text_write(view, &out), -EMSGSIZE, "%zu", limit);
		buf_done(&out);
	}
	(void)metrics_view_free(view);
}
