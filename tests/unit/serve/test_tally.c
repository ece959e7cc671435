/* test_tally.c - requests become numbers. */
#include "serve/tally.h"

#include <criterion/criterion.h>

#include "metrics_says.h"

struct world {
	struct metrics_memory *memory;
	struct metrics *metrics;
	struct tallies tallies;
	struct tally tally;
};

static void world_init(struct world *w, size_t size)
{
	cr_assert_eq(metrics_memory_new(1, size, &w->memory), 0);
	cr_assert_eq(metrics_new(w->memory, 0, &w->metrics), 0);
	cr_assert_eq(
		tally_init_all(&w->tallies, w->metrics, &(struct ticks){ .source = TICKS_NONE }),
		0);
	tally_init(&w->tally, &w->tallies, WEIR_STR("/a"));
}

static void world_done(struct world *w)
{
	(void)metrics_free(w->metrics);
	(void)metrics_memory_free(w->memory);
}

static bool says(const struct world *w, const char *line)
{
	return metrics_says(w->memory, line);
}

Test(tally, counts_by_status)
{
	struct world w;

	world_init(&w, 65536);
	for (unsigned i = 0; i < 3; i++)
		tally_count(&w.tally, &(struct tally_entry){ .status = 200, .sent = 10 });
	tally_count(&w.tally, &(struct tally_entry){ .status = 404, .received = 7 });
	tally_count(&w.tally, &(struct tally_entry){ .status = 299 });
	tally_count(&w.tally, &(struct tally_entry){ .status = 9999 });
	tally_count(&w.tally, &(struct tally_entry){ .status = -1 });
	tally_count_refused(&w.tally, 404);
	cr_expect(says(&w, "\nweir_http_requests_total{route=\"/a\",code=\"200\"} 3\n"));
	cr_expect(says(&w, "\nweir_http_requests_total{route=\"/a\",code=\"404\"} 2\n"));
	cr_expect(says(&w, "\nweir_http_requests_total{route=\"/a\",code=\"other\"} 3\n"));
	cr_expect(says(&w, "\nweir_http_response_body_bytes_total{route=\"/a\"} 30\n"));
	cr_expect(says(&w, "\nweir_http_request_body_bytes_total{route=\"/a\"} 7\n"));
	cr_expect(says(&w, "\nweir_http_request_duration_seconds_count{route=\"/a\"} 7\n"));
	world_done(&w);
}

Test(tally, of_no_route_has_no_such_label)
{
	struct world w;

	world_init(&w, 65536);
	tally_init(&w.tally, &w.tallies, WEIR_STR(""));
	tally_count_refused(&w.tally, 400);
	cr_expect(says(&w, "\nweir_http_requests_total{code=\"400\"} 1\n"));
	world_done(&w);
}

Test(tally, a_duration_is_in_the_first_bucket_that_has_room_for_it)
{
	for (unsigned i = 0; i < TALLY_N_BOUNDS; i++) {
		uint32_t bound = tally_bounds_us[i];

		cr_expect_eq(tally_bucket(bound), i, "%u", bound);
		cr_expect_eq(tally_bucket(bound + 1), i + 1, "%u", bound);
		cr_expect_eq(tally_bucket(bound - 1), i, "%u", bound);
	}
	for (unsigned bits = 0; bits < 64; bits++) {
		uint64_t us = UINT64_C(1) << bits;
		unsigned wanted = 0;

		while (wanted < TALLY_N_BOUNDS && us > tally_bounds_us[wanted])
			wanted++;
		cr_expect_eq(tally_bucket(us), wanted, "%u bits", bits);
	}
	cr_expect_eq(tally_bucket(0), 0);
	cr_expect_eq(tally_bucket(UINT64_MAX), TALLY_N_BOUNDS);
}

Test(tally, without_room_nothing_breaks)
{
	struct world w;
	struct tally more[8];

	world_init(&w, 4096);
	for (unsigned i = 0; i < 8; i++) {
		char route[] = "/route0";

		route[6] = (char)('0' + i);
		tally_init(&more[i], &w.tallies, WEIR_STR("/"));
		tally_init(&more[i], &w.tallies, weir_strz(route));
		for (int status = 200; status < 600; status++)
			tally_count(&more[i], &(struct tally_entry){ .status = status, .sent = 1 });
	}
	cr_expect_gt(metrics_n_lost(w.metrics), 0);
	world_done(&w);
}

Test(tally, has_a_place_for_each_status)
{
	bool is_taken[TALLY_PLACES] = { false };

	for (unsigned i = 0; i < TALLY_MAX_STATUS; i++) {
		unsigned place = tally_places[i];

		cr_assert_lt(place, TALLY_PLACES);
		if (place == 0)
			continue;
		cr_expect_not(is_taken[place], "%u", i);
		is_taken[place] = true;
	}
}
