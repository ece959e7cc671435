/*
 * status_json.c - see status_json.h. Sums come from the view that GET /metrics shows
 * as well; what is each worker's own, from the set of numbers that its process has.
 */
#include "daemon/status_json.h"

#include <string.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "base/json.h"
#include "base/metrics_view.h"
#include "conf/conf.h"
#include "daemon/job_counts.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"

#define DURATIONS "weir_http_request_duration_seconds"

/* Without the zeros at the end, of which there are many. */
static void put_counts(struct json *json, const char *key, const uint64_t *counts, unsigned n)
{
	while (n > 0 && counts[n - 1] == 0)
		n--;
	json_open(json, key, '[');
	for (unsigned i = 0; i < n; i++)
		json_number(json, NULL, counts[i]);
	json_close(json, ']');
}

/* ---- the daemon and its workers */

static void put_daemon(struct json *json, const struct status_json_of *of)
{
	const struct worker_board *board = of->view.board;
	int64_t began_ms = atomic_load(&board->began_ms);

	json_open(json, "daemon", '{');
	json_text(json, "phase", worker_board_phase_name(atomic_load(&board->phase)));
	json_number(json, "pid", (uint64_t)atomic_load(&board->master));
	json_number(json, "up_ms", (uint64_t)(of->now_us / 1000 - began_ms));
	json_number(json, "workers", atomic_load(&board->n_workers));
	json_close(json, '}');
}

/* Of one process. */
struct counts {
	uint64_t requests;
	double connections, tasks, memory;
};

static void add_entry(struct counts *counts, const struct metrics_walk *walk)
{
	weir_str name = { walk->family.text, walk->family.head.name_len };
	uint64_t word = __atomic_load_n(&walk->entry.words[0], __ATOMIC_RELAXED);

	if (weir_str_eq(name, WEIR_STR("weir_http_requests")))
		counts->requests += word;
	else if (weir_str_eq(name, WEIR_STR("weir_connections")))
		counts->connections += metrics_real(word);
	else if (weir_str_eq(name, WEIR_STR("weir_tasks")))
		counts->tasks += metrics_real(word);
	else if (weir_str_eq(name, WEIR_STR("weir_resident_memory_bytes")))
		counts->memory += metrics_real(word);
}

static struct counts counts_of(const struct metrics_memory *memory, int pid)
{
	struct counts counts = { 0 };
	struct metrics_walk walk;

	for (unsigned i = 0; i < metrics_memory_n_sets(memory); i++) {
		if (metrics_memory_owner(memory, i) != pid)
			continue;
		metrics_walk_begin(memory, i, &walk);
		while (metrics_walk_next(memory, i, &walk)) {
			if (!metrics_walk_is_family(&walk))
				add_entry(&counts, &walk);
		}
	}
	return counts;
}

static void put_loop(struct json *json, struct worker_lag *lag, int64_t now_us)
{
	struct histogram turns = histogram_read(&lag->turns);

	json_number(json, "turn_us", (uint64_t)worker_lag_turn_us(lag, now_us));
	json_number(json, "stalls", worker_lag_stalls(lag));
	json_number(json, "turns_us", turns.sum_us);
	put_counts(json, "turns", turns.buckets, HISTOGRAM_BUCKETS);
}

static void put_worker(struct json *json, const struct status_json_of *of, unsigned slot)
{
	const struct board_row *row = &of->view.board->rows[slot];
	int pid = atomic_load(&row->pid);
	bool is_stuck = health_stuck_ms(&of->view, slot, of->now_us) > 0;
	struct counts counts = counts_of(of->memory, pid ? pid : -1);
	int64_t up_ms = pid ? of->now_us / 1000 - atomic_load(&row->since_ms) : 0;

	json_open(json, NULL, '{');
	json_number(json, "slot", slot);
	json_number(json, "pid", (uint64_t)pid);
	json_text(json, "state",
		  is_stuck ? "stuck" : worker_board_state_name(atomic_load(&row->state)));
	json_bool(json, "is_now", atomic_load(&row->is_now));
	json_number(json, "up_ms", up_ms > 0 ? (uint64_t)up_ms : 0);
	json_number(json, "starts", atomic_load(&row->n_starts));
	put_loop(json, worker_lags_at(of->view.lags, slot), of->now_us);
	json_number(json, "requests", counts.requests);
	json_number(json, "connections", (uint64_t)counts.connections);
	json_number(json, "tasks", (uint64_t)counts.tasks);
	json_number(json, "memory", (uint64_t)counts.memory);
	json_close(json, '}');
}

static bool is_used(const struct status_json_of *of, unsigned slot)
{
	return atomic_load(&of->view.board->rows[slot].state) != WORKER_EMPTY;
}

static void put_workers(struct json *json, const struct status_json_of *of)
{
	uint64_t bounds[HISTOGRAM_BUCKETS - 1];

	for (unsigned i = 0; i < ARRAY_LEN(bounds); i++)
		bounds[i] = histogram_bound_us(i);
	put_counts(json, "turn_bounds_us", bounds, ARRAY_LEN(bounds));
	json_open(json, "workers", '[');
	for (unsigned i = 0; i < of->view.board->n; i++) {
		if (is_used(of, i))
			put_worker(json, of, i);
	}
	json_close(json, ']');
}

/* ---- sums */

static double number_of(const struct metrics_group *group, const struct metrics_series *series)
{
	return group->type == METRIC_GAUGE ? metrics_real(series->words[0])
					   : (double)series->words[0];
}

static void put_number(struct json *json, const char *key, double number)
{
	json_number(json, key, number > 0 ? (uint64_t)number : 0);
}

static void put_total(struct json *json, const char *key, const struct metrics_view *sums,
		      weir_str name)
{
	put_number(json, key, metrics_view_total(sums, name));
}

static void put_labelled(struct json *json, const char *key, const struct metrics_group *group,
			 const char *label)
{
	char labels[METRICS_TEXT_MAX];
	weir_str wanted = { labels, metrics_put_label(labels, 0, label, weir_strz(key)) };
	double total = 0;

	for (const struct metrics_series *s = group ? group->first : NULL; s; s = s->next) {
		if (weir_str_eq(s->labels, wanted))
			total += number_of(group, s);
	}
	put_number(json, key, total);
}

static void put_connections(struct json *json, const struct metrics_view *sums)
{
	const struct metrics_group *group = metrics_view_find(sums, WEIR_STR("weir_connections"));

	json_open(json, "connections", '{');
	put_labelled(json, "active", group, "state");
	put_labelled(json, "idle", group, "state");
	put_labelled(json, "websocket", group, "state");
	put_labelled(json, "handshake", group, "state");
	put_total(json, "accepted", sums, WEIR_STR("weir_connections_accepted"));
	json_close(json, '}');
}

/* The labels end with code="404"; routes may look like anything before that. 0: with something else. */
static unsigned class_of(weir_str labels)
{
	static const char code[] = "code=\"";
	size_t len = sizeof(code) - 1 + sizeof("404\"") - 1;
	char digit;

	if (labels.len < len || memcmp(labels.ptr + labels.len - len, code, sizeof(code) - 1) != 0)
		return 0;
	digit = labels.ptr[labels.len - sizeof("404\"") + 1];
	return digit >= '1' && digit <= '5' ? (unsigned)(digit - '0') : 0;
}

static void put_requests(struct json *json, const struct metrics_view *sums)
{
	const struct metrics_group *group = metrics_view_find(sums, WEIR_STR("weir_http_requests"));
	uint64_t total = 0, classes[6] = { 0 };

	for (const struct metrics_series *s = group ? group->first : NULL; s; s = s->next) {
		total += s->words[0];
		classes[class_of(s->labels)] += s->words[0];
	}
	json_open(json, "requests", '{');
	json_number(json, "total", total);
	put_counts(json, "classes", classes, ARRAY_LEN(classes));
	put_total(json, "failures", sums, WEIR_STR("weir_handler_failures"));
	json_close(json, '}');
}

/* All routes together: they have the same bounds. */
static void put_latency(struct json *json, const struct metrics_view *sums)
{
	const struct metrics_group *group = metrics_view_find(sums, WEIR_STR(DURATIONS));
	uint64_t counts[METRICS_MAX_BOUNDS + 1] = { 0 }, bounds[METRICS_MAX_BOUNDS] = { 0 };
	unsigned n = group && group->type == METRIC_HISTOGRAM ? group->n_bounds : 0;
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		bounds[i] = (uint64_t)(group->bounds[i] * 1e6 + 0.5);
	for (const struct metrics_series *s = n ? group->first : NULL; s; s = s->next) {
		sum += metrics_real(s->words[0]);
		for (unsigned i = 0; i <= n; i++)
			counts[i] += s->words[1 + i];
	}
	json_open(json, "latency", '{');
	put_counts(json, "bounds_us", bounds, n);
	put_counts(json, "counts", counts, n ? n + 1 : 0);
	put_number(json, "sum_us", sum * 1e6);
	json_close(json, '}');
}

static void put_websockets(struct json *json, const struct metrics_view *sums)
{
	const struct metrics_group *messages = metrics_view_find(
		sums, WEIR_STR("weir_websocket_messages"));

	json_open(json, "websockets", '{');
	put_total(json, "open", sums, WEIR_STR("weir_websocket_sessions"));
	put_total(json, "opened", sums, WEIR_STR("weir_websocket_sessions_opened"));
	put_labelled(json, "in", messages, "direction");
	put_labelled(json, "out", messages, "direction");
	put_total(json, "dropped", sums, WEIR_STR("weir_websocket_messages_dropped"));
	json_close(json, '}');
}

static void put_topics(struct json *json, const struct metrics_view *sums)
{
	json_open(json, "topics", '{');
	put_total(json, "topics", sums, WEIR_STR("weir_topics"));
	put_total(json, "published", sums, WEIR_STR("weir_topic_publications"));
	put_total(json, "delivered", sums, WEIR_STR("weir_topic_deliveries"));
	put_total(json, "dropped", sums, WEIR_STR("weir_topic_drops"));
	put_total(json, "lost", sums, WEIR_STR("weir_topic_losses"));
	json_close(json, '}');
}

/* ---- jobs and tasks */

static void put_pool(struct json *json, const char *name, const struct job_pool_counts *counts)
{
	json_open(json, NULL, '{');
	json_text(json, "pool", name);
	json_number(json, "waiting", counts->waiting);
	json_number(json, "running", counts->running);
	json_number(json, "submitted", counts->submitted);
	json_number(json, "done", counts->done);
	json_number(json, "failed", counts->failed);
	json_number(json, "killed", counts->killed);
	json_number(json, "refused", counts->refused);
	put_counts(json, "run", counts->run_us.buckets, HISTOGRAM_BUCKETS);
	json_close(json, '}');
}

static void put_jobs(struct json *json, const struct status_json_of *of)
{
	struct job_counts_walk walk = { 0 };

	json_open(json, "jobs", '[');
	while (job_counts_next(of->jobs, &of->conf->jobs, &walk))
		put_pool(json, walk.name, &walk.counts);
	json_close(json, ']');
}

static void put_tasks(struct json *json, const struct status_json_of *of)
{
	json_open(json, "tasks", '[');
	for (unsigned i = 0; i < of->view.board->n; i++) {
		const struct status_json_tasks *tasks = &of->tasks[i];
		int64_t age_ms = of->now_us / 1000 - tasks->at_ms;

		if (tasks->at_ms == 0 || !is_used(of, i))
			continue;
		json_open(json, NULL, '{');
		json_number(json, "slot", i);
		json_number(json, "age_ms", age_ms > 0 ? (uint64_t)age_ms : 0);
		json_raw(json, "tasks", tasks->json);
		json_close(json, '}');
	}
	json_close(json, ']');
}

int status_json_write(const struct status_json_of *of, struct buf *out)
{
	struct json json;

	json_init(&json, out);
	json.is_compact = true;
	json_open(&json, NULL, '{');
	json_number(&json, "at_us", (uint64_t)of->now_us);
	json_number(&json, "slot", of->slot);
	put_daemon(&json, of);
	put_workers(&json, of);
	put_connections(&json, of->sums);
	put_requests(&json, of->sums);
	put_latency(&json, of->sums);
	put_websockets(&json, of->sums);
	put_topics(&json, of->sums);
	put_jobs(&json, of);
	put_tasks(&json, of);
	json_close(&json, '}');
	return json_done(&json);
}
