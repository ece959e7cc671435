/* test_metrics.c - sets that outlive their writers, whatever they leave. */
#include "base/metrics.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const double bounds[] = { 0.1, 1, 10 };

static const struct metric_def counter = {
	METRIC_COUNTER, "shop_orders", NULL, "Orders.", NULL, 0
};
static const struct metric_def gauge = { METRIC_GAUGE, "shop_open", NULL, "Open now.", NULL, 0 };
static const struct metric_def histogram = { METRIC_HISTOGRAM, "shop_wait_seconds",
					     "seconds",	       "Waits.",
					     bounds,	       3 };

/* The number of the series in all sets, as readers see it. */
static uint64_t sum(const struct metrics_memory *memory, const char *name, bool is_alive)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < metrics_memory_n_sets(memory); i++) {
		struct metrics_walk walk;

		metrics_walk_begin(memory, i, &walk);
		while (metrics_walk_next(memory, i, &walk)) {
			weir_str in = { walk.family.text, walk.family.head.name_len };

			if (!metrics_walk_is_family(&walk) && (walk.is_alive || !is_alive) &&
			    weir_str_eq(in, weir_strz(name)))
				n += walk.entry.words[0];
		}
	}
	return n;
}

/* In a process of its own, which then dies by that signal, or ends well. */
static void in_child(struct metrics_memory *memory, unsigned preferred, uint64_t n, int sig)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct metrics *m;
		uint64_t *orders, *open;

		if (metrics_new(memory, preferred, &m) < 0 || !metrics_is_seen(m) ||
		    metrics_add(m, &counter, WEIR_STR(""), &orders) < 0 ||
		    metrics_add(m, &gauge, WEIR_STR(""), &open) < 0)
			_exit(1);
		metrics_count(orders, n);
		metrics_set(open, 5);
		if (sig)
			(void)raise(sig);
		(void)metrics_free(m);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (sig)
		cr_assert(WIFSIGNALED(status));
	else
		cr_assert_eq(status, 0);
}

Test(metrics, counters_go_on_where_a_dead_process_has_left_them)
{
	struct metrics_memory *memory;

	cr_assert_eq(metrics_memory_new(2, 8192, &memory), 0);
	in_child(memory, 0, 3, SIGKILL);
	in_child(memory, 0, 4, 0);
	in_child(memory, 1, 5, 0);
	cr_expect_eq(sum(memory, "shop_orders", false), 12);
	cr_expect_eq(metrics_memory_n_lost(memory), 0);
	(void)metrics_memory_free(memory);
}

Test(metrics, gauges_do_not)
{
	struct metrics_memory *memory;

	cr_assert_eq(metrics_memory_new(1, 8192, &memory), 0);
	in_child(memory, 0, 0, SIGKILL);
	cr_expect_neq(sum(memory, "shop_open", false), 0, "it could not tidy up");
	cr_expect_eq(sum(memory, "shop_open", true), 0, "but nobody lives who has them");
	in_child(memory, 0, 0, 0);
	cr_expect_eq(sum(memory, "shop_open", false), 0);
	(void)metrics_memory_free(memory);
}

Test(metrics, two_processes_never_have_the_same_set)
{
	struct metrics_memory *memory;
	struct metrics *first, *second, *third;
	uint64_t *a, *b;

	cr_assert_eq(metrics_memory_new(2, 8192, &memory), 0);
	cr_assert_eq(metrics_new(memory, 1, &first), 0);
	cr_assert_eq(metrics_new(memory, 1, &second), 0);
	cr_assert_eq(metrics_new(memory, 1, &third), 0);
	cr_expect(metrics_is_seen(first) && metrics_is_seen(second));
	cr_expect_not(metrics_is_seen(third), "there is none left");
	cr_assert_eq(metrics_add(first, &counter, WEIR_STR(""), &a), 0);
	cr_assert_eq(metrics_add(second, &counter, WEIR_STR(""), &b), 0);
	cr_expect_neq(a, b);
	metrics_count(a, 1);
	metrics_count(b, 2);
	cr_assert_eq(metrics_add(third, &counter, WEIR_STR(""), &a), 0);
	metrics_count(a, 40);
	cr_expect_eq(sum(memory, "shop_orders", false), 3);
	(void)metrics_free(first);
	(void)metrics_free(second);
	(void)metrics_free(third);
	(void)metrics_memory_free(memory);
}

Test(metrics, a_set_says_whose_it_is)
{
	struct metrics_memory *memory;
	struct metrics *m;

	cr_assert_eq(metrics_memory_new(2, 8192, &memory), 0);
	cr_expect_eq(metrics_memory_owner(memory, 1), 0);
	cr_assert_eq(metrics_new(memory, 1, &m), 0);
	cr_expect_eq(metrics_memory_owner(memory, 1), getpid());
	(void)metrics_free(m);
	cr_expect_eq(metrics_memory_owner(memory, 1), 0);
	(void)metrics_memory_free(memory);
}

Test(metrics, the_same_name_and_labels_are_the_same_numbers)
{
	struct metrics *m;
	metrics_family family, again;
	uint64_t *a, *b, *c;

	cr_assert_eq(metrics_new(NULL, 0, &m), 0);
	cr_assert_eq(metrics_add_family(m, &histogram, &family), 0);
	cr_assert_eq(metrics_add_family(m, &histogram, &again), 0);
	cr_expect_eq(family, again);
	cr_assert_eq(metrics_add_series(m, family, WEIR_STR("a=\"1\""), &a), 0);
	cr_assert_eq(metrics_add_series(m, family, WEIR_STR("a=\"2\""), &b), 0);
	cr_assert_eq(metrics_add_series(m, family, WEIR_STR("a=\"1\""), &c), 0);
	cr_expect_eq(a, c);
	cr_expect_neq(a, b);
	for (unsigned i = 0; i < 5; i++)
		cr_expect_eq(a[i], 0);
	(void)metrics_free(m);
}

Test(metrics, a_name_has_one_meaning)
{
	static const double others[] = { 0.1, 1, 11 };
	struct metric_def def = histogram;
	struct metrics *m;
	metrics_family family;

	cr_assert_eq(metrics_new(NULL, 0, &m), 0);
	cr_assert_eq(metrics_add_family(m, &histogram, &family), 0);
	def.bounds = others;
	cr_expect_eq(metrics_add_family(m, &def, &family), -EEXIST);
	def.n_bounds = 2;
	cr_expect_eq(metrics_add_family(m, &def, &family), -EEXIST);
	def = counter;
	def.name = histogram.name;
	cr_expect_eq(metrics_add_family(m, &def, &family), -EEXIST);
	(void)metrics_free(m);
}

/* What a counter or a histogram writes behind its name is nobody else's name. */
Test(metrics, no_two_write_the_same)
{
	static const struct {
		enum metric_type first;
		const char *name;
		enum metric_type second;
		const char *other;
		int r;
	} pairs[] = {
		{ METRIC_COUNTER, "a", METRIC_GAUGE, "a_total", -EEXIST },
		{ METRIC_GAUGE, "a_total", METRIC_COUNTER, "a", -EEXIST },
		{ METRIC_COUNTER, "a", METRIC_GAUGE, "a_created", -EEXIST },
		{ METRIC_HISTOGRAM, "a", METRIC_GAUGE, "a_count", -EEXIST },
		{ METRIC_HISTOGRAM, "a", METRIC_COUNTER, "a_sum", -EEXIST },
		{ METRIC_HISTOGRAM, "a", METRIC_HISTOGRAM, "a_bucket", -EEXIST },
		{ METRIC_GAUGE, "a_bucket", METRIC_HISTOGRAM, "a", -EEXIST },
		{ METRIC_COUNTER, "a", METRIC_GAUGE, "a_count", 0 },
		{ METRIC_HISTOGRAM, "a", METRIC_GAUGE, "a_total", 0 },
		{ METRIC_GAUGE, "a", METRIC_GAUGE, "a_total", 0 },
		{ METRIC_COUNTER, "a", METRIC_GAUGE, "b_total", 0 },
		{ METRIC_COUNTER, "a", METRIC_GAUGE, "a_total_here", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		const struct metric_def first = {
			pairs[i].first, pairs[i].name, NULL, "", NULL, 0
		};
		const struct metric_def second = {
			pairs[i].second, pairs[i].other, NULL, "", NULL, 0
		};
		struct metrics *m;
		metrics_family family;

		cr_assert_eq(metrics_new(NULL, 0, &m), 0);
		cr_assert_eq(metrics_add_family(m, &first, &family), 0);
		cr_expect_eq(metrics_add_family(m, &second, &family), pairs[i].r, "%s, %s",
			     pairs[i].name, pairs[i].other);
		(void)metrics_free(m);
	}
}

Test(metrics, what_makes_no_sense_is_refused)
{
	static const double falling[] = { 2, 1 }, endless[] = { 1, 1. / 0. };
	const struct metric_def bad[] = {
		{ METRIC_COUNTER, "", NULL, "x", NULL, 0 },
		{ METRIC_COUNTER, "1st", NULL, "x", NULL, 0 },
		{ METRIC_COUNTER, "a-b", NULL, "x", NULL, 0 },
		{ METRIC_COUNTER, "a_total", NULL, "x", NULL, 0 },
		{ METRIC_COUNTER, "a_seconds", "bytes", "x", NULL, 0 },
		{ METRIC_COUNTER, "seconds", "seconds", "x", NULL, 0 },
		{ METRIC_HISTOGRAM, "a", NULL, "x", falling, 2 },
		{ METRIC_HISTOGRAM, "a", NULL, "x", endless, 2 },
	};
	struct metrics *m;
	metrics_family family;

	cr_assert_eq(metrics_new(NULL, 0, &m), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(metrics_add_family(m, &bad[i], &family), -EINVAL, "%zu", i);
	(void)metrics_free(m);
}

Test(metrics, a_full_set_says_how_much_it_lost)
{
	struct metrics_memory *memory;
	struct metrics *m;
	metrics_family family;
	uint64_t *words;
	unsigned n = 0;
	int r = 0;

	cr_assert_eq(metrics_memory_new(1, 4096, &memory), 0);
	cr_assert_eq(metrics_new(memory, 0, &m), 0);
	cr_assert_eq(metrics_add_family(m, &counter, &family), 0);
	while (r == 0 && n < 1000) {
		char text[METRICS_TEXT_MAX], number[12];
		size_t len;

		(void)snprintf(number, sizeof(number), "%u", n++);
		len = metrics_put_label(text, 0, "n", weir_strz(number));
		r = metrics_add_series(m, family, (weir_str){ text, len }, &words);
	}
	cr_expect_eq(r, -ENOSPC);
	cr_expect_eq(metrics_n_lost(m), 1);
	cr_expect_eq(metrics_memory_n_lost(memory), 1);
	(void)metrics_free(m);
	(void)metrics_memory_free(memory);
}

/* What all processes may write to: the first set, which has something in it. */
static char *shared_bytes(const struct metrics_memory *memory)
{
	struct metrics_walk walk;

	metrics_walk_begin(memory, 0, &walk);
	cr_assert(metrics_walk_next(memory, 0, &walk));
	return (char *)walk.entry.words - sizeof(struct metrics_head) - 16;
}

/* Whatever a word of the set is overwritten with, readers and heirs stay within it. */
Test(metrics, nonsense_is_not_believed)
{
	static const uint32_t values[] = { 0, 1, 7, 8, 16, 4096, 0x7fffffff, 0xffffffff };
	struct metrics_memory *memory;
	struct metrics *m;
	uint64_t *words;
	char *bytes;

	cr_assert_eq(metrics_memory_new(1, 4096, &memory), 0);
	for (unsigned at = 4; at < 320; at += 4) {
		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			cr_assert_eq(metrics_new(memory, 0, &m), 0);
			cr_assert_eq(metrics_add(m, &histogram, WEIR_STR("a=\"1\""), &words), 0);
			cr_assert_eq(metrics_add(m, &gauge, WEIR_STR(""), &words), 0);
			bytes = shared_bytes(memory);
			memcpy(bytes + at, &values[i], sizeof(values[i]));
			(void)sum(memory, "shop_open", false);
			(void)metrics_free(m);
			/* Begin anew. */
			memset(bytes, 0, 4096);
		}
	}
	(void)metrics_memory_free(memory);
}

/* Nor does who writes: it would, for want of room, write beyond the set. */
Test(metrics, nonsense_leads_no_writer_astray)
{
	static const uint32_t values[] = { 0, 8, 4096, 0x7fffffff, 0xffffffff };
	struct metrics_memory *memory;
	struct metrics *m;
	uint64_t *words;
	char *bytes;

	cr_assert_eq(metrics_memory_new(1, 4096, &memory), 0);
	for (unsigned at = 4; at < 64; at += 4) {
		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			cr_assert_eq(metrics_new(memory, 0, &m), 0);
			cr_assert_eq(metrics_add(m, &gauge, WEIR_STR(""), &words), 0);
			bytes = shared_bytes(memory);
			memcpy(bytes + at, &values[i], sizeof(values[i]));
			if (metrics_add(m, &histogram, WEIR_STR("a=\"1\""), &words) == 0)
				metrics_count(&words[4], 1);
			(void)metrics_free(m);
			memset(bytes, 0, 4096);
		}
	}
	(void)metrics_memory_free(memory);
}

/* Who owns a set goes on writing there while somebody walks. */
Test(metrics, what_was_checked_does_not_change)
{
	struct metrics_memory *memory;
	struct metrics_walk walk;
	struct metrics *m;
	uint64_t *words;

	cr_assert_eq(metrics_memory_new(1, 4096, &memory), 0);
	cr_assert_eq(metrics_new(memory, 0, &m), 0);
	cr_assert_eq(metrics_add(m, &histogram, WEIR_STR(""), &words), 0);
	metrics_walk_begin(memory, 0, &walk);
	cr_assert(metrics_walk_next(memory, 0, &walk));
	memset(shared_bytes(memory) + 16, 0xff, sizeof(struct metrics_head));
	cr_expect_eq(walk.family.head.n_words, 3);
	cr_expect_not(metrics_walk_next(memory, 0, &walk), "its family makes no sense any more");
	(void)metrics_free(m);
	(void)metrics_memory_free(memory);
}

Test(metrics, labels_are_escaped)
{
	char text[METRICS_TEXT_MAX];
	size_t len = metrics_put_label(text, 0, "path", WEIR_STR("a\"b\\c\nd"));

	len = metrics_put_label(text, len, "kind", WEIR_STR("\xc3\xa9"));
	len = metrics_put_label(text, len, "bad", WEIR_STR("x\xff"));
	cr_expect(weir_str_eq((weir_str){ text, len },
			      WEIR_STR("path=\"a\\\"b\\\\c\\nd\",kind=\"\xc3\xa9\",bad=\"x?\"")));
}

Test(metrics, long_labels_are_cut_between_characters)
{
	char text[METRICS_TEXT_MAX], value[600];
	size_t len, again;

	value[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(value); i += 2)
		memcpy(value + i, "\xc3\xa9", 2);
	len = metrics_put_label(text, 0, "a", (weir_str){ value, 599 });
	cr_expect_eq(len, 4 + METRICS_LABEL_MAX - 1);
	while ((again = metrics_put_label(text, len, "b", (weir_str){ value, 599 })) != len)
		len = again;
	cr_expect_leq(len, METRICS_TEXT_MAX);
}

Test(metrics, names)
{
	cr_expect(metrics_is_name("a:b_1") && metrics_is_label("_a1"));
	cr_expect_not(metrics_is_label("a:b") || metrics_is_label("le") ||
		      metrics_is_label("__name__") || metrics_is_label(""));
}

Test(metrics, the_bucket_is_the_first_that_is_not_less)
{
	const double values[] = { -1, 0.1, 0.11, 1, 9.9, 10, 10.1 };
	const unsigned buckets[] = { 0, 0, 1, 1, 2, 2, 3 };

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		cr_expect_eq(metrics_bucket(bounds, 3, values[i]), buckets[i], "%g", values[i]);
	cr_expect_eq(metrics_bucket(bounds, 3, 0. / 0.), 0);
	cr_expect_eq(metrics_bucket(NULL, 0, 1), 0);
}

Test(metrics, gauges_and_sums_are_reals)
{
	uint64_t word = 0;

	metrics_set(&word, 1.5);
	metrics_add_real(&word, 2);
	metrics_add_real_shared(&word, -0.25);
	cr_expect_eq(metrics_real(word), 3.25);
	word = 0;
	metrics_count_shared(&word, 7);
	cr_expect_eq(word, 7);
}

Test(metrics, sizes_are_checked)
{
	struct metrics_memory *memory;

	cr_expect_eq(metrics_memory_new(0, 8192, &memory), -EINVAL);
	cr_expect_eq(metrics_memory_new(1, 100, &memory), -EINVAL);
	cr_expect_eq(metrics_memory_new(1, (size_t)4 << 30, &memory), -EINVAL);
}
