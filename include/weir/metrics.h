#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H
/*
 * weir/metrics.h - numbers for whoever watches the server: what a module counts
 * stands on GET /metrics beside what weir counts itself.
 *
 *	struct shop {
 *		weir_counter *orders;
 *		weir_gauge *carts;
 *		weir_histogram *prices;
 *	};
 *
 *	static int startup(weir_app *app)
 *	{
 *		static struct shop shop;
 *
 *		shop.orders = weir_counter_new(app, "shop_orders", "Orders taken.",
 *					       .labels = "kind country");
 *		shop.carts = weir_gauge_new(app, "shop_carts", "Carts that are being filled.");
 *		shop.prices = weir_histogram_new(app, "shop_price_euros", "What an order costs.",
 *						 .unit = "euros");
 *		weir_app_set_state(app, &shop);
 *		return 0;
 *	}
 *
 *	static int order(weir_req *req)
 *	{
 *		struct shop *shop = req->state;
 *
 *		weir_counter_add(weir_counter_of(shop->orders, weir_param(req, "kind"),
 *						 WEIR_STR("de")), 1);
 *		weir_gauge_add(shop->carts, -1);
 *		weir_histogram_add(shop->prices, 9.5);
 *		return weir_respond(req, 201, NULL, WEIR_STR(""));
 *	}
 *
 * Each worker counts for itself, in memory that all share; who asks gets the sum. A worker that
 * dies leaves its counters to the next; what gauges of it said is gone. Whatever the gauge, its
 * sum over workers must mean something: carts do, a version does not.
 *
 * Nothing here blocks or fails: what cannot be counted is not, and the log says why, once. Functions
 * that make something are for the loop's thread (startup(), handlers, tasks); those that count may be
 * called from any thread of the worker. In a job there is no weir_app, and nothing is counted.
 */
#include <weir/module.h>
WEIR_BEGIN

typedef struct weir_counter weir_counter;     /* only grows: orders, bytes, failures */
typedef struct weir_gauge weir_gauge;	      /* goes up and down: carts, degrees */
typedef struct weir_histogram weir_histogram; /* how many were how large: times, sizes */

typedef struct weir_metric_opts {
	size_t size;
	const char *unit;   /* "seconds", "bytes": then the name must end with _seconds, _bytes */
	const char *labels; /* their names, with spaces between: at most eight */
	/*
	 * Values of labels come from anywhere, perhaps from clients: beyond so many combinations
	 * all others are counted as one, each of whose labels is "other". 0: 100.
	 */
	unsigned max_series;
	/*
	 * Of a histogram, growing: a bucket counts what is this large at most; 40 of them at most.
	 * NULL: from 1 ms to 10 s, for seconds.
	 */
	const double *bounds;
	size_t n_bounds;
} weir_metric_opts;

/*
 * The name is of letters, digits and '_', and begins neither with a digit nor with "weir_"; a
 * counter's goes without "_total", which is put behind it. So beside a counter x nothing else is x_total or
 * x_created, and beside a histogram x nothing x_bucket, x_count, x_sum or x_created; a histogram of which a bound
 * is negative has neither count nor sum. The same name gives the same thing again. NULL
 * when it makes no sense or there is no room for it; everything below takes that, and does nothing.
 */
#define weir_counter_new(app, name, help, ...) \
	weir_counter_new_with(                 \
		(app), (name), (help),         \
		&(weir_metric_opts){ .size = sizeof(weir_metric_opts), __VA_ARGS__ })
#define weir_gauge_new(app, name, help, ...)       \
	weir_gauge_new_with((app), (name), (help), \
			    &(weir_metric_opts){ .size = sizeof(weir_metric_opts), __VA_ARGS__ })
#define weir_histogram_new(app, name, help, ...) \
	weir_histogram_new_with(                 \
		(app), (name), (help),           \
		&(weir_metric_opts){ .size = sizeof(weir_metric_opts), __VA_ARGS__ })
WEIR_API weir_counter *weir_counter_new_with(weir_app *app, const char *name, const char *help,
					     const weir_metric_opts *opts);
WEIR_API weir_gauge *weir_gauge_new_with(weir_app *app, const char *name, const char *help,
					 const weir_metric_opts *opts);
WEIR_API weir_histogram *weir_histogram_new_with(weir_app *app, const char *name, const char *help,
						 const weir_metric_opts *opts);

/*
 * Of one that has labels, that with these values (weir_str), in the order of their names. It is
 * valid as long as the module: who counts a lot keeps it. What was made with labels counts only
 * with their values.
 */
#define weir_counter_of(counter, ...)                                        \
	weir_counter_of_values((counter), (const weir_str[]){ __VA_ARGS__ }, \
			       sizeof((const weir_str[]){ __VA_ARGS__ }) / sizeof(weir_str))
#define weir_gauge_of(gauge, ...)                                        \
	weir_gauge_of_values((gauge), (const weir_str[]){ __VA_ARGS__ }, \
			     sizeof((const weir_str[]){ __VA_ARGS__ }) / sizeof(weir_str))
#define weir_histogram_of(histogram, ...)                                        \
	weir_histogram_of_values((histogram), (const weir_str[]){ __VA_ARGS__ }, \
				 sizeof((const weir_str[]){ __VA_ARGS__ }) / sizeof(weir_str))
WEIR_API weir_counter *weir_counter_of_values(weir_counter *counter, const weir_str *values,
					      size_t n);
WEIR_API weir_gauge *weir_gauge_of_values(weir_gauge *gauge, const weir_str *values, size_t n);
WEIR_API weir_histogram *weir_histogram_of_values(weir_histogram *histogram, const weir_str *values,
						  size_t n);

WEIR_API void weir_counter_add(weir_counter *counter, uint64_t n);
WEIR_API void weir_gauge_set(weir_gauge *gauge, double value);
WEIR_API void weir_gauge_add(weir_gauge *gauge, double more); /* or less: -1 */
WEIR_API void weir_histogram_add(weir_histogram *histogram, double value);

WEIR_END
#endif
