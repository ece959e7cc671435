/* tally.c - see tally.h. */
#include "serve/tally.h"

#include <assert.h>

#include "base/str.h"

/* Those that RFC 9110 and its like define, and 499: see exchange_log.c. */
const uint8_t tally_places[TALLY_MAX_STATUS] = {
	[101] = 1,  [200] = 2,	[201] = 3,  [202] = 4,	[203] = 5,  [204] = 6,	[205] = 7,
	[206] = 8,  [207] = 9,	[300] = 10, [301] = 11, [302] = 12, [303] = 13, [304] = 14,
	[307] = 15, [308] = 16, [400] = 17, [401] = 18, [402] = 19, [403] = 20, [404] = 21,
	[405] = 22, [406] = 23, [407] = 24, [408] = 25, [409] = 26, [410] = 27, [411] = 28,
	[412] = 29, [413] = 30, [414] = 31, [415] = 32, [416] = 33, [417] = 34, [418] = 35,
	[421] = 36, [422] = 37, [423] = 38, [424] = 39, [425] = 40, [426] = 41, [428] = 42,
	[429] = 43, [431] = 44, [451] = 45, [499] = 46, [500] = 47, [501] = 48, [502] = 49,
	[503] = 50, [504] = 51, [505] = 52, [507] = 53, [508] = 54, [511] = 55,
};

const uint32_t tally_bounds_us[TALLY_N_BOUNDS + 1] = {
	10,	 25,	  50,	    100,      250,	500,	    1000,   2500,
	5000,	 10000,	  25000,    50000,    100000,	250000,	    500000, 1000000,
	2500000, 5000000, 10000000, 30000000, 60000000, UINT32_MAX,
};

const uint8_t tally_first_buckets[32] = {
	0,  0,	0,  0,	1,  2,	3,  4,	5,  6,	7,  7,	8,  9,	10, 11,
	12, 13, 14, 15, 16, 16, 17, 18, 19, 20, 21, 21, 21, 21, 21, 21,
};

static const double bounds[TALLY_N_BOUNDS] = {
	1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025,
	0.05, 0.1,    0.25, 0.5,  1,	  2.5,	5,    10,     30,   60,
};

static const struct metric_def requests = {
	METRIC_COUNTER,
	"weir_http_requests",
	NULL,
	"Requests that were answered, by route and status; 499: the client left before.",
	NULL,
	0
};
static const struct metric_def durations = {
	METRIC_HISTOGRAM, "weir_http_request_duration_seconds",
	"seconds",	  "From a request's head to the end of its handler.",
	bounds,		  TALLY_N_BOUNDS
};
static const struct metric_def sent = { METRIC_COUNTER, "weir_http_response_body_bytes",
					"bytes",	"Of bodies that were sent.",
					NULL,		0 };
static const struct metric_def received = { METRIC_COUNTER, "weir_http_request_body_bytes",
					    "bytes",	    "Of bodies that handlers have taken.",
					    NULL,	    0 };

int tally_init_all(struct tallies *t, struct metrics *metrics, const struct ticks *ticks)
{
	int r;

	*t = (struct tallies){ .metrics = metrics, .ticks = *ticks };
	r = metrics_add_family(metrics, &requests, &t->requests);
	if (r >= 0)
		r = metrics_add_family(metrics, &durations, &t->durations);
	if (r >= 0)
		r = metrics_add_family(metrics, &sent, &t->sent);
	if (r >= 0)
		r = metrics_add_family(metrics, &received, &t->received);
	return r;
}

static uint64_t *series(struct tallies *t, metrics_family family, const char *text, size_t len)
{
	uint64_t *values;

	if (metrics_add_series(t->metrics, family, (weir_str){ text, len }, &values) < 0)
		return t->nowhere;
	return values;
}

/* Without a route there is no such label, which is the same as an empty one. */
static size_t put_route(const struct tally *tally, char text[METRICS_TEXT_MAX])
{
	return tally->route.len > 0 ? metrics_put_label(text, 0, "route", tally->route) : 0;
}

void tally_init(struct tally *tally, struct tallies *t, weir_str route)
{
	char text[METRICS_TEXT_MAX];
	size_t len;

	*tally = (struct tally){ .tallies = t, .route = route };
	len = put_route(tally, text);
	tally->durations = series(t, t->durations, text, len);
	tally->sent = series(t, t->sent, text, len);
	tally->received = series(t, t->received, text, len);
}

COLD uint64_t *tally_open(struct tally *tally, int status)
{
	unsigned place = (unsigned)status < TALLY_MAX_STATUS ? tally_places[status] : 0;
	char text[METRICS_TEXT_MAX], number[STR_DIGITS_MAX];
	weir_str code = WEIR_STR("other");
	size_t len = put_route(tally, text);

	static_assert(55 < TALLY_PLACES, "each status has its place");
	if (place > 0)
		code = (weir_str){ number,
				   (size_t)(str_put_u64(number, (uint64_t)status) - number) };
	len = metrics_put_label(text, len, "code", code);
	tally->by_place[place] = series(tally->tallies, tally->tallies->requests, text, len);
	return tally->by_place[place];
}

COLD void tally_count_refused(struct tally *tally, int status)
{
	unsigned place = (unsigned)status < TALLY_MAX_STATUS ? tally_places[status] : 0;
	uint64_t *number = tally->by_place[place];

	metrics_count(number ? number : tally_open(tally, status), 1);
}
