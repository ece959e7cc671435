/*
 * metrics_api.c - see weir/metrics.h. A family that a module has made knows its
 * series by their labels; what a module holds, counter, gauge or histogram, is a
 * series. The hard thing is that labels may come from clients: so there is a
 * most of series, and the last of them is for all others.
 */
#include "app/metrics_api.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/metrics.h>

#include "app/module.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

#define MAX_LABELS 8
#define USUAL_MAX_SERIES 100
#define MAX_SERIES 100000

static const double usual_bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
				       0.25,  0.5,    1,     2.5,  5,	  10 };

struct series {
	struct metrics_api_family *family; /* borrowed */
	uint64_t *words;     /* the worker's; NULL: it has labels, and this is none of its values */
	struct series *next; /* in its slot */
	size_t text_len;
	char text[]; /* the labels, as they are written */
};

/* What the public handles are. */
struct weir_counter {
	struct series series;
};
struct weir_gauge {
	struct series series;
};
struct weir_histogram {
	struct series series;
};

struct metrics_api_family {
	struct metrics_api_family *next; /* the module's */
	struct weir_app *app;		 /* borrowed */
	char *name;			 /* owned */
	enum metric_type type;
	metrics_family id;
	double *bounds; /* owned */
	unsigned n_bounds;
	char *labels; /* owned: what names points into */
	const char *names[MAX_LABELS];
	unsigned n_labels;
	unsigned n_series, max_series;
	struct series **slots; /* owned, items too; a power of two, made with the first series */
	size_t n_slots;
	struct series *other; /* borrowed: once there are too many */
	struct series *self;  /* owned: what _new() gives */
};

static struct metrics_api_family *family_free(struct metrics_api_family *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n_slots; i++) {
		while (f->slots[i]) {
			struct series *series = f->slots[i];

			f->slots[i] = series->next;
			free(series);
		}
	}
	free(f->slots);
	free(f->self);
	free(f->labels);
	free(f->bounds);
	free(f->name);
	free(f);
	return NULL;
}

DEFINE_CLEANUP(struct metrics_api_family, family_free)

void metrics_api_free(struct metrics_api_family *first)
{
	while (first) {
		struct metrics_api_family *f = first;

		first = f->next;
		(void)family_free(f);
	}
}

static PRINTF_LIKE(3, 4) void complain(const struct weir_app *app, const char *name,
				       const char *fmt, ...)
{
	char words[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	log_write(app->log, LOG_AT_ERROR, "%s: %s is not counted: %s", app->name, name, words);
}

/* ---- series */

static struct series *series_new(struct metrics_api_family *f, weir_str text)
{
	struct series *series = calloc(1, sizeof(*series) + text.len);

	if (!series)
		return NULL;
	series->family = f;
	series->text_len = text.len;
	if (text.len > 0)
		memcpy(series->text, text.ptr, text.len);
	if (metrics_add_series(f->app->metrics, f->id, text, &series->words) < 0)
		series->words = NULL; /* counted as lost there */
	return series;
}

static struct series **slot_of(struct metrics_api_family *f, weir_str text)
{
	return &f->slots[str_hash(text) & (f->n_slots - 1)];
}

static struct series *find(struct metrics_api_family *f, weir_str text)
{
	for (struct series *s = *slot_of(f, text); s; s = s->next) {
		if (weir_str_eq((weir_str){ s->text, s->text_len }, text))
			return s;
	}
	return NULL;
}

static int make_slots(struct metrics_api_family *f)
{
	size_t n = 8;

	if (f->slots)
		return 0;
	while (n < f->max_series)
		n *= 2;
	f->slots = calloc(n, sizeof(struct series *));
	if (!f->slots)
		return -ENOMEM;
	f->n_slots = n;
	return 0;
}

static weir_str put_labels(const struct metrics_api_family *f, const weir_str *values,
			   char text[METRICS_TEXT_MAX])
{
	size_t len = 0;

	for (unsigned i = 0; i < f->n_labels; i++)
		len = metrics_put_label(text, len, f->names[i],
					values ? values[i] : WEIR_STR("other"));
	return (weir_str){ text, len };
}

static struct series *add(struct metrics_api_family *f, weir_str text)
{
	struct series *series = series_new(f, text), **slot = slot_of(f, text);

	if (!series)
		return NULL;
	series->next = *slot;
	*slot = series;
	f->n_series++;
	return series;
}

/* Too many: the rest is one. */
static struct series *other(struct metrics_api_family *f)
{
	char text[METRICS_TEXT_MAX];

	if (f->other)
		return f->other;
	log_write(f->app->log, LOG_AT_WARN,
		  "%s: %s has %u combinations of labels: all others are counted as \"other\"",
		  f->app->name, f->name, f->n_series);
	f->other = find(f, put_labels(f, NULL, text));
	if (!f->other)
		f->other = add(f, put_labels(f, NULL, text));
	return f->other;
}

static struct series *series_of(struct series *any, const weir_str *values, size_t n)
{
	struct metrics_api_family *f = any ? any->family : NULL;
	char text[METRICS_TEXT_MAX];
	struct series *series;
	weir_str labels;

	if (!f || n != f->n_labels || make_slots(f) < 0)
		return NULL;
	labels = put_labels(f, values, text);
	series = find(f, labels);
	if (series)
		return series;
	return f->n_series < f->max_series ? add(f, labels) : other(f);
}

/* ---- families */

/* "kind country", each a good name. */
static int split_labels(struct metrics_api_family *f, const char *labels)
{
	char *rest, *name;

	if (!labels)
		return 0;
	f->labels = strdup(labels);
	if (!f->labels)
		return -ENOMEM;
	rest = f->labels;
	while ((name = strsep(&rest, " "))) {
		if (!*name)
			continue;
		if (f->n_labels == MAX_LABELS || !metrics_is_label(name))
			return -EINVAL;
		for (unsigned i = 0; i < f->n_labels; i++) {
			if (!strcmp(f->names[i], name))
				return -EINVAL;
		}
		f->names[f->n_labels++] = name;
	}
	return 0;
}

static int copy_bounds(struct metrics_api_family *f, const double *bounds, size_t n)
{
	if (f->type != METRIC_HISTOGRAM)
		return 0;
	if (!bounds) {
		bounds = usual_bounds;
		n = ARRAY_LEN(usual_bounds);
	}
	if (n == 0 || n > METRICS_MAX_BOUNDS)
		return -EINVAL;
	f->bounds = calloc(n, sizeof(*f->bounds));
	if (!f->bounds)
		return -ENOMEM;
	memcpy(f->bounds, bounds, n * sizeof(*bounds));
	f->n_bounds = (unsigned)n;
	return 0;
}

/* An older module's options end earlier. */
static weir_metric_opts opts_of(const weir_metric_opts *given)
{
	weir_metric_opts opts = { .size = sizeof(opts) };

	if (given && given->size >= sizeof(size_t))
		memcpy(&opts, given, given->size < sizeof(opts) ? given->size : sizeof(opts));
	return opts;
}

static int fill(struct metrics_api_family *f, const char *help, const weir_metric_opts *opts)
{
	struct metric_def def = {
		.type = f->type, .name = f->name, .unit = opts->unit, .help = help
	};
	int r;

	r = split_labels(f, opts->labels);
	if (r >= 0)
		r = copy_bounds(f, opts->bounds, opts->n_bounds);
	if (r < 0)
		return r;
	f->max_series = opts->max_series ? opts->max_series : USUAL_MAX_SERIES;
	if (f->max_series > MAX_SERIES)
		f->max_series = MAX_SERIES;
	def.bounds = f->bounds;
	def.n_bounds = f->n_bounds;
	r = metrics_add_family(f->app->metrics, &def, &f->id);
	if (r < 0)
		return r;
	if (f->n_labels > 0)
		f->self = calloc(1, sizeof(*f->self));
	else
		f->self = series_new(f, WEIR_STR(""));
	if (!f->self)
		return -ENOMEM;
	f->self->family = f;
	return 0;
}

static const char *words_of(int error)
{
	switch (error) {
	case -EINVAL:
		return "its name, unit, labels or bounds make no sense (weir/metrics.h)";
	case -EEXIST:
		return "there is something else of this name, or that writes it (x: x_total)";
	case -ENOSPC:
		return "there is no room; see metrics_memory";
	default:
		return "no memory";
	}
}

static const struct metrics_api_family *find_family(const struct weir_app *app,
						    enum metric_type type, const char *name)
{
	for (const struct metrics_api_family *f = app->counted; f; f = f->next) {
		if (f->type == type && !strcmp(f->name, name))
			return f;
	}
	return NULL;
}

static struct series *family_new(struct weir_app *app, enum metric_type type, const char *name,
				 const char *help, const weir_metric_opts *given)
{
	_cleanup_(family_freep) struct metrics_api_family *f = NULL;
	const struct metrics_api_family *old;
	weir_metric_opts opts = opts_of(given);
	int r;

	if (!app->metrics)
		return NULL;
	old = find_family(app, type, name);
	if (old)
		return old->self;
	if (!strncmp(name, "weir_", 5)) {
		complain(app, name, "names that begin with weir_ are the server's own");
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->app = app;
	f->type = type;
	f->name = strdup(name);
	r = f->name ? fill(f, help ? help : "", &opts) : -ENOMEM;
	if (r < 0) {
		complain(app, name, "%s", words_of(r));
		return NULL;
	}
	f->next = app->counted;
	app->counted = f;
	return steal_ptr(f)->self;
}

/* ---- weir/metrics.h */

weir_counter *weir_counter_new_with(weir_app *app, const char *name, const char *help,
				    const weir_metric_opts *opts)
{
	return (weir_counter *)family_new(app, METRIC_COUNTER, name, help, opts);
}

weir_gauge *weir_gauge_new_with(weir_app *app, const char *name, const char *help,
				const weir_metric_opts *opts)
{
	return (weir_gauge *)family_new(app, METRIC_GAUGE, name, help, opts);
}

weir_histogram *weir_histogram_new_with(weir_app *app, const char *name, const char *help,
					const weir_metric_opts *opts)
{
	return (weir_histogram *)family_new(app, METRIC_HISTOGRAM, name, help, opts);
}

weir_counter *weir_counter_of_values(weir_counter *counter, const weir_str *values, size_t n)
{
	return (weir_counter *)series_of((struct series *)counter, values, n);
}

weir_gauge *weir_gauge_of_values(weir_gauge *gauge, const weir_str *values, size_t n)
{
	return (weir_gauge *)series_of((struct series *)gauge, values, n);
}

weir_histogram *weir_histogram_of_values(weir_histogram *histogram, const weir_str *values,
					 size_t n)
{
	return (weir_histogram *)series_of((struct series *)histogram, values, n);
}

void weir_counter_add(weir_counter *counter, uint64_t n)
{
	if (counter && counter->series.words)
		metrics_count_shared(counter->series.words, n);
}

void weir_gauge_set(weir_gauge *gauge, double value)
{
	if (gauge && gauge->series.words)
		metrics_set(gauge->series.words, value);
}

void weir_gauge_add(weir_gauge *gauge, double more)
{
	if (gauge && gauge->series.words)
		metrics_add_real_shared(gauge->series.words, more);
}

void weir_histogram_add(weir_histogram *histogram, double value)
{
	const struct metrics_api_family *f;
	unsigned bucket;

	if (!histogram || !histogram->series.words)
		return;
	f = histogram->series.family;
	/* What is no number is more than all bounds, as in Prometheus' own library. */
	bucket = isnan(value) ? f->n_bounds : metrics_bucket(f->bounds, f->n_bounds, value);
	metrics_count_shared(&histogram->series.words[1 + bucket], 1);
	metrics_add_real_shared(&histogram->series.words[0], value);
}
