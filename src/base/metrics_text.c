/* metrics_text.c - see metrics_text.h. Labels are escaped already, by metrics_put_label(). */
#include "base/metrics_text.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/metrics_view.h"
#include "base/str.h"

#define NUMBER 40

/* The shortest that is read as the same number; with a dot, whatever the locale says. */
static weir_str real(double value, char text[NUMBER])
{
	int len;

	if (isnan(value))
		return WEIR_STR("NaN");
	if (isinf(value))
		return value > 0 ? WEIR_STR("+Inf") : WEIR_STR("-Inf");
	len = snprintf(text, NUMBER, "%.15g", value);
	if (strtod(text, NULL) != value)
		len = snprintf(text, NUMBER, "%.17g", value);
	for (char *c = text; *c; c++) {
		if (*c == ',')
			*c = '.';
	}
	return (weir_str){ text, (size_t)len };
}

/* le="0.5"; whole ones as 1.0, because they are compared as texts. */
static weir_str bound(double value, char text[NUMBER])
{
	weir_str number = real(value, text);

	if (number.ptr != text || strpbrk(text, ".e"))
		return number;
	memcpy(text + number.len, ".0", 2);
	return (weir_str){ text, number.len + 2 };
}

/* What is no UTF-8 becomes question marks, as in labels: else a reader would refuse all of the text. */
static int put_help(struct buf *out, weir_str help)
{
	bool is_utf8 = str_is_utf8(help);

	for (size_t i = 0; i < help.len; i++) {
		char c = !is_utf8 && (help.ptr[i] & 0x80) ? '?' : help.ptr[i];
		bool is_escaped = c == '\\' || c == '"' || c == '\n';
		int r;

		if (is_escaped) {
			r = buf_append(out, "\\", 1);
			if (r < 0)
				return r;
		}
		r = buf_append(out, c == '\n' ? "n" : &c, 1);
		if (r < 0)
			return r;
	}
	return buf_append(out, "\n", 1);
}

static int put_head(struct buf *out, const struct metrics_group *g)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	int r;

	r = buf_printf(out, "# TYPE %.*s %s\n", WEIR_ARG(g->name), types[g->type]);
	if (r >= 0 && g->unit.len > 0)
		r = buf_printf(out, "# UNIT %.*s %.*s\n", WEIR_ARG(g->name), WEIR_ARG(g->unit));
	if (r < 0 || g->help.len == 0)
		return r;
	r = buf_printf(out, "# HELP %.*s ", WEIR_ARG(g->name));
	return r < 0 ? r : put_help(out, g->help);
}

/* name_suffix{labels} number */
static int put_sample(struct buf *out, const struct metrics_group *g, const char *suffix,
		      weir_str labels, weir_str number)
{
	bool has_labels = labels.len > 0;

	return buf_printf(out, "%.*s%s%s%.*s%s %.*s\n", WEIR_ARG(g->name), suffix,
			  has_labels ? "{" : "", WEIR_ARG(labels), has_labels ? "}" : "",
			  WEIR_ARG(number));
}

static int put_count(struct buf *out, const struct metrics_group *g, const char *suffix,
		     weir_str labels, uint64_t count)
{
	char text[NUMBER];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)count);

	return put_sample(out, g, suffix, labels, (weir_str){ text, (size_t)len });
}

static int put_bucket(struct buf *out, const struct metrics_group *g, weir_str labels,
		      unsigned bucket, uint64_t count)
{
	double value = bucket < g->n_bounds ? g->bounds[bucket] : (double)INFINITY;
	char text[NUMBER];

	return buf_printf(out, "%.*s_bucket{%.*s%sle=\"%.*s\"} %llu\n", WEIR_ARG(g->name),
			  WEIR_ARG(labels), labels.len > 0 ? "," : "", WEIR_ARG(bound(value, text)),
			  (unsigned long long)count);
}

/*
 * The count is the last bucket's, not a number of its own: they always agree. A sum that may
 * fall is not written, and then no count either (OpenMetrics, "Histogram").
 */
static int put_histogram(struct buf *out, const struct metrics_group *g,
			 const struct metrics_series *s)
{
	uint64_t n = 0;
	char text[NUMBER];
	int r;

	for (unsigned i = 0; i <= g->n_bounds; i++) {
		n += s->words[i + 1];
		r = put_bucket(out, g, s->labels, i, n);
		if (r < 0)
			return r;
	}
	if (g->n_bounds > 0 && g->bounds[0] < 0)
		return 0;
	r = put_count(out, g, "_count", s->labels, n);
	if (r < 0)
		return r;
	return put_sample(out, g, "_sum", s->labels, real(metrics_real(s->words[0]), text));
}

static int put_series(struct buf *out, const struct metrics_group *g,
		      const struct metrics_series *s)
{
	char text[NUMBER];

	switch (g->type) {
	case METRIC_COUNTER:
		return put_count(out, g, "_total", s->labels, s->words[0]);
	case METRIC_GAUGE:
		return put_sample(out, g, "", s->labels, real(metrics_real(s->words[0]), text));
	case METRIC_HISTOGRAM:
		break;
	}
	return put_histogram(out, g, s);
}

int metrics_text_write(struct metrics_view *view, struct buf *out)
{
	int r = 0;

	for (const struct metrics_group *g = metrics_view_groups(view); g; g = g->next) {
		r = put_head(out, g);
		for (const struct metrics_series *s = g->first; s && r >= 0; s = s->next)
			r = put_series(out, g, s);
		if (r < 0)
			return r;
	}
	return buf_append(out, "# EOF\n", 6);
}
