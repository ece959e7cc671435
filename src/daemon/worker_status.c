/*
 * worker_status.c - see worker_status.h. However many look, a worker makes a snapshot
 * once in a while, and so it is with what it says of its tasks: whoever asks again at
 * once hears nothing new. Reports are of the moment when they were asked for, so a
 * snapshot has those of the one before.
 */
#include "daemon/worker_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/builtin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics_view.h"
#include "base/str.h"
#include "daemon/binding.h"
#include "daemon/master.h"
#include "daemon/slow_tasks.h"
#include "daemon/status_json.h"
#include "daemon/worker_board.h"
#include "daemon/worker_metrics.h"
#include "io/loop.h"
#include "serve/topics.h"

/* A bit less than the second in which everybody looks again. */
#define FRESH_MS 900
#define REPORT_MAX ((size_t)32 * 1024)
#define JSON_MAX ((size_t)4 << 20)

#define ASK WEIR_STR("status/ask")
/* And the slot's number behind it. */
#define TELL "status/tell/"

struct worker_status_report {
	int64_t at_ms;
	struct buf json;
};

static bool is_fresh(const struct worker_status *ws, int64_t made_ms)
{
	return made_ms != INT64_MIN && loop_now_ms(ws->loop) - made_ms < FRESH_MS;
}

/* Who misses one sees the next. */
static void publish(const struct worker_status *ws, weir_str name, weir_str bytes)
{
	const struct publication_view view = { .scope = WEIR_STR(BUILTIN_MODULE),
					       .name = name,
					       .bytes = bytes,
					       .published_ms = loop_now_ms(ws->loop) };

	(void)!topics_publish(ws->site->topics, &view);
}

/* ---- tasks */

static void report(struct worker_status *ws)
{
	_cleanup_(buf_done) struct buf json = { .limit = REPORT_MAX };
	char name[sizeof(TELL) + STR_DIGITS_MAX];
	int len;

	if (is_fresh(ws, ws->reported_ms))
		return;
	if (slow_tasks_write(ws->sched, &json) < 0)
		return;
	ws->reported_ms = loop_now_ms(ws->loop);
	len = snprintf(name, sizeof(name), "%s%u", TELL, ws->args->slot);
	publish(ws, (weir_str){ name, (size_t)len }, buf_str(&json));
}

static void on_asked(struct subscriber *s)
{
	struct worker_status *ws = container_of(s, struct worker_status, asked);
	bool is_asked = false;
	struct publication *p;

	while ((p = subscriber_next(s))) {
		(void)publication_unref(p);
		is_asked = true;
	}
	if (is_asked)
		report(ws);
}

/* NULL: it is no slot's. */
static struct worker_status_report *report_of(const struct worker_status *ws, weir_str name)
{
	size_t at = sizeof(TELL) - 1;
	uint64_t slot;

	if (name.len <= at || str_to_u64((weir_str){ name.ptr + at, name.len - at }, &slot) < 0)
		return NULL;
	return slot < ws->args->board->n ? &ws->reports[slot] : NULL;
}

static void on_told(struct subscriber *s)
{
	struct worker_status *ws = container_of(s, struct worker_status, told);
	struct publication *p;

	while ((p = subscriber_next(s))) {
		struct worker_status_report *kept = report_of(ws, p->view.name);

		if (kept) {
			buf_clear(&kept->json);
			kept->at_ms = buf_append_str(&kept->json, p->view.bytes) < 0
					      ? 0
					      : clock_monotonic_ms();
		}
		(void)publication_unref(p);
	}
}

/* ---- looking */

static int sum_up(const struct worker_status *ws, struct metrics_view **ret_sums)
{
	const struct site_metrics *counted = ws->site->shown;
	int r;

	/* What this worker has not put there yet; the others do each second, if there is anything new. */
	r = counted ? counted->collect(counted->arg, NULL) : 0;
	return r < 0 ? r : metrics_view_new(ws->memory, ret_sums);
}

static int make(struct worker_status *ws)
{
	_cleanup_(metrics_view_freep) struct metrics_view *sums = NULL;
	_cleanup_(freep) struct status_json_tasks *tasks = NULL;
	unsigned n = ws->args->board->n;
	struct status_json_of of = { .view = { ws->args->board, ws->args->lags },
				     .memory = ws->memory,
				     .conf = ws->conf,
				     .jobs = ws->jobs,
				     .slot = ws->args->slot,
				     .now_us = clock_monotonic_us() };
	int r;

	tasks = calloc(n, sizeof(*tasks));
	if (!tasks)
		return -ENOMEM;
	r = sum_up(ws, &sums);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		tasks[i] = (struct status_json_tasks){ ws->reports[i].at_ms,
						       buf_str(&ws->reports[i].json) };
	of.sums = sums;
	of.tasks = tasks;
	buf_clear(&ws->json);
	return status_json_write(&of, &ws->json);
}

static int look(void *arg, weir_str *ret_json)
{
	struct worker_status *ws = arg;
	int r;

	if (!is_fresh(ws, ws->made_ms)) {
		ws->made_ms = INT64_MIN;
		r = make(ws);
		if (r < 0)
			return r;
		ws->made_ms = loop_now_ms(ws->loop);
		publish(ws, ASK, WEIR_STR(""));
	}
	*ret_json = buf_str(&ws->json);
	return 0;
}

/* ---- start and end */

static bool is_wanted(const struct binding *binding)
{
	for (size_t i = 0; i < binding->n_routes; i++) {
		if (binding->routes[i].is_page_too)
			return true;
	}
	return false;
}

static int begin(struct worker_status *ws)
{
	const struct topics_limit limit = { .queue = 2 * ws->args->board->n };
	const struct topic_key ask = { WEIR_STR(BUILTIN_MODULE), ASK, false };
	const struct topic_key tell = { WEIR_STR(BUILTIN_MODULE), WEIR_STR(TELL), true };
	int r;

	ws->reports = calloc(ws->args->board->n, sizeof(*ws->reports));
	if (!ws->reports)
		return -ENOMEM;
	for (unsigned i = 0; i < ws->args->board->n; i++)
		buf_init(&ws->reports[i].json, REPORT_MAX);
	r = topics_subscribe(ws->site->topics, &ws->asked, &ask, &limit);
	return r < 0 ? r : topics_subscribe(ws->site->topics, &ws->told, &tell, &limit);
}

void worker_status_start(struct worker_status *ws, const struct worker_metrics_of *of,
			 const struct worker_args *args, const struct binding *binding)
{
	int r;

	*ws = (struct worker_status){ .args = args,
				      .loop = of->loop,
				      .sched = of->sched,
				      .site = of->site,
				      .memory = of->memory,
				      .conf = of->conf,
				      .jobs = of->jobs,
				      .made_ms = INT64_MIN,
				      .reported_ms = INT64_MIN };
	buf_init(&ws->json, JSON_MAX);
	subscriber_init(&ws->asked, on_asked);
	subscriber_init(&ws->told, on_told);
	if (!of->memory || !args->board || !is_wanted(binding))
		return;
	r = begin(ws);
	if (r < 0) {
		log_write(of->log, LOG_AT_WARN, "the status page shows nothing: %s", strerror(-r));
		worker_status_stop(ws);
		return;
	}
	ws->shown = (struct site_status){ look, ws };
	ws->site->status = &ws->shown;
}

void worker_status_stop(struct worker_status *ws)
{
	if (!ws->reports)
		return;
	ws->site->status = NULL;
	topics_unsubscribe(&ws->asked);
	topics_unsubscribe(&ws->told);
	for (unsigned i = 0; i < ws->args->board->n; i++)
		buf_done(&ws->reports[i].json);
	free(ws->reports);
	ws->reports = NULL;
	buf_done(&ws->json);
}
