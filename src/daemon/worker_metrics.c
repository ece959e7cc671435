/*
 * worker_metrics.c - see worker_metrics.h. A table says what there is, and in
 * which struct. The hard thing are counters of a process in a series that outlives
 * it: they are added to what a predecessor has left, which is read once, at the
 * start.
 */
#include "daemon/worker_metrics.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/module.h"
#include "base/log.h"
#include "base/metrics_view.h"
#include "conf/conf.h"
#include "coro/sched.h"
#include "daemon/binding.h"
#include "daemon/job_counts.h"
#include "daemon/sessions.h"
#include "daemon/worker_lags.h"
#include "io/loop.h"
#include "serve/access_log.h"
#include "serve/server.h"

#define EVERY_MS 1000

struct row {
	enum metric_type type; /* no histogram */
	const char *name, *unit, *help;
	const char *label; /* name and value of the only one; NULL: none */
	const char *value;
	uint64_t (*read)(const struct worker_metrics_of *of);
};

static uint64_t accepted(const struct worker_metrics_of *of)
{
	return of->server->n_accepted;
}

static uint64_t refused(const struct worker_metrics_of *of)
{
	return of->server->n_refused;
}

static uint64_t slow(const struct worker_metrics_of *of)
{
	return of->server->n_slow;
}

static uint64_t active(const struct worker_metrics_of *of)
{
	return of->server->exchanges.n_live;
}

static uint64_t upgraded(const struct worker_metrics_of *of)
{
	return of->server->tunnels.n_open;
}

static uint64_t handshaking(const struct worker_metrics_of *of)
{
	return of->server->early.n_open;
}

/* Those of whom nothing else is true; an exchange may outlive its connection by a moment. */
static uint64_t idle(const struct worker_metrics_of *of)
{
	uint64_t n = of->server->n_conns, busy = active(of) + upgraded(of) + handshaking(of);

	return n > busy ? n - busy : 0;
}

static uint64_t handshakes(const struct worker_metrics_of *of)
{
	return of->server->n_handshakes;
}

static uint64_t resumed(const struct worker_metrics_of *of)
{
	return of->server->n_resumed;
}

static uint64_t handshakes_failed(const struct worker_metrics_of *of)
{
	return of->server->n_handshakes_failed;
}

static uint64_t failures(const struct worker_metrics_of *of)
{
	return of->site->n_failed;
}

static uint64_t sessions_opened(const struct worker_metrics_of *of)
{
	return of->sessions->shared.n_opened;
}

static uint64_t sessions_open(const struct worker_metrics_of *of)
{
	return of->sessions->shared.n_open;
}

static uint64_t messages_in(const struct worker_metrics_of *of)
{
	return of->sessions->shared.counts.n_in;
}

static uint64_t messages_out(const struct worker_metrics_of *of)
{
	return of->sessions->shared.counts.n_out;
}

static uint64_t messages_dropped(const struct worker_metrics_of *of)
{
	return of->sessions->shared.n_dropped;
}

static uint64_t session_bytes(const struct worker_metrics_of *of)
{
	return of->sessions->shared.queued;
}

static uint64_t topics(const struct worker_metrics_of *of)
{
	return of->sessions->topics.n_topics;
}

static uint64_t published(const struct worker_metrics_of *of)
{
	return of->sessions->topics.logs.counts.published;
}

static uint64_t delivered(const struct worker_metrics_of *of)
{
	return of->sessions->topics.logs.counts.delivered;
}

static uint64_t dropped(const struct worker_metrics_of *of)
{
	return of->sessions->topics.logs.counts.dropped;
}

static uint64_t lost(const struct worker_metrics_of *of)
{
	return of->sessions->topics.n_lost;
}

static uint64_t tasks(const struct worker_metrics_of *of)
{
	return of->sched->n_tasks;
}

static uint64_t task_runs(const struct worker_metrics_of *of)
{
	return of->sched->n_runs;
}

static uint64_t stacks_warm(const struct worker_metrics_of *of)
{
	return of->sched->stacks.n_hot;
}

static uint64_t stacks_cold(const struct worker_metrics_of *of)
{
	return of->sched->stacks.n_cold;
}

static uint64_t block_bytes(const struct worker_metrics_of *of)
{
	return block_pool_bytes(&of->server->blocks);
}

static uint64_t block_unused_bytes(const struct worker_metrics_of *of)
{
	return of->server->blocks.n_unused * BLOCK_SIZE;
}

static uint64_t lines_lost(const struct worker_metrics_of *of)
{
	return of->access_log ? access_log_n_dropped(of->access_log) : 0;
}

static uint64_t one(const struct worker_metrics_of *of)
{
	return 1;
}

/* The second number of /proc/self/statm, in pages. */
static uint64_t resident(const struct worker_metrics_of *of)
{
	unsigned long long size, pages = 0;
	char text[128];
	ssize_t n;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%llu %llu", &size, &pages) != 2)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static const struct row rows[] = {
	{ METRIC_COUNTER, "weir_connections_accepted", NULL, "Connections that were accepted.",
	  NULL, NULL, accepted },
	{ METRIC_COUNTER, "weir_refusals", NULL,
	  "Connections and requests that were refused before there was a route.", NULL, NULL,
	  refused },
	{ METRIC_COUNTER, "weir_slow_clients", NULL,
	  "Connections that were cut off because they did not take their answer.", NULL, NULL,
	  slow },
	{ METRIC_GAUGE, "weir_connections", NULL, "Connections that are open, by what they do.",
	  "state", "idle", idle },
	{ METRIC_GAUGE, "weir_connections", NULL, "Connections that are open, by what they do.",
	  "state", "active", active },
	{ METRIC_GAUGE, "weir_connections", NULL, "Connections that are open, by what they do.",
	  "state", "websocket", upgraded },
	{ METRIC_GAUGE, "weir_connections", NULL, "Connections that are open, by what they do.",
	  "state", "handshake", handshaking },
	{ METRIC_COUNTER, "weir_tls_handshakes", NULL, "TLS handshakes that succeeded.", NULL, NULL,
	  handshakes },
	{ METRIC_COUNTER, "weir_tls_resumptions", NULL, "Of these, those that resumed a session.",
	  NULL, NULL, resumed },
	{ METRIC_COUNTER, "weir_tls_failures", NULL, "TLS handshakes that failed.", NULL, NULL,
	  handshakes_failed },
	{ METRIC_COUNTER, "weir_handler_failures", NULL,
	  "Handlers that failed on their own account, or broke off their answer.", NULL, NULL,
	  failures },
	{ METRIC_COUNTER, "weir_websocket_sessions_opened", NULL, "WebSocket sessions that began.",
	  NULL, NULL, sessions_opened },
	{ METRIC_GAUGE, "weir_websocket_sessions", NULL, "WebSocket sessions that are open.", NULL,
	  NULL, sessions_open },
	{ METRIC_COUNTER, "weir_websocket_messages", NULL, "Messages of WebSockets.", "direction",
	  "in", messages_in },
	{ METRIC_COUNTER, "weir_websocket_messages", NULL, "Messages of WebSockets.", "direction",
	  "out", messages_out },
	{ METRIC_COUNTER, "weir_websocket_messages_dropped", NULL,
	  "Messages that slow clients have lost.", NULL, NULL, messages_dropped },
	{ METRIC_GAUGE, "weir_websocket_queue_bytes", "bytes", "In messages that wait for clients.",
	  NULL, NULL, session_bytes },
	{ METRIC_GAUGE, "weir_topics", NULL, "Topics with subscribers, of each worker.", NULL, NULL,
	  topics },
	{ METRIC_COUNTER, "weir_topic_publications", NULL,
	  "Publications, each counted in every worker it came to.", NULL, NULL, published },
	{ METRIC_COUNTER, "weir_topic_deliveries", NULL,
	  "Publications, counted for each subscriber that has taken them.", NULL, NULL, delivered },
	{ METRIC_COUNTER, "weir_topic_drops", NULL,
	  "Publications, counted for each subscriber that was too slow for them.", NULL, NULL,
	  dropped },
	{ METRIC_COUNTER, "weir_topic_losses", NULL,
	  "Publications that were lost on their way between workers.", NULL, NULL, lost },
	{ METRIC_GAUGE, "weir_tasks", NULL, "Coroutines that are there.", NULL, NULL, tasks },
	{ METRIC_COUNTER, "weir_task_runs", NULL,
	  "Times that a coroutine began to run, or went on.", NULL, NULL, task_runs },
	{ METRIC_GAUGE, "weir_stacks_unused", NULL, "Stacks of coroutines in the pool.", "pages",
	  "kept", stacks_warm },
	{ METRIC_GAUGE, "weir_stacks_unused", NULL, "Stacks of coroutines in the pool.", "pages",
	  "none", stacks_cold },
	{ METRIC_GAUGE, "weir_buffer_bytes", "bytes", "In buffers of connections.", "state", "used",
	  block_bytes },
	{ METRIC_GAUGE, "weir_buffer_bytes", "bytes", "In buffers of connections.", "state",
	  "unused", block_unused_bytes },
	{ METRIC_COUNTER, "weir_access_log_lines_lost", NULL,
	  "Lines of the access log that found no room.", NULL, NULL, lines_lost },
	{ METRIC_GAUGE, "weir_workers", NULL, "Workers that serve.", NULL, NULL, one },
	{ METRIC_GAUGE, "weir_resident_memory_bytes", "bytes",
	  "Resident memory of all workers, with what they share counted in each.", NULL, NULL,
	  resident },
};

static_assert(ARRAY_LEN(rows) <= WORKER_METRICS_MAX, "each has its follower");

static const struct metric_def turns = {
	METRIC_HISTOGRAM,
	"weir_loop_turn_seconds",
	"seconds",
	"How long the turns of workers' loops took, and so how long an event may have waited.",
	NULL,
	0
};

/* ---- following */

static void update_turns(struct worker_metrics *wm)
{
	struct histogram now, *told = &wm->turns_told;

	if (!wm->turns || !wm->of.lag)
		return;
	now = histogram_read(&wm->of.lag->turns);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		metrics_count(&wm->turns[1 + i], now.buckets[i] - told->buckets[i]);
	metrics_add_real(&wm->turns[0], (double)(now.sum_us - told->sum_us) / 1e6);
	*told = now;
}

void worker_metrics_update(struct worker_metrics *wm)
{
	if (!wm->metrics)
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct worker_metrics_follower *f = &wm->followers[i];
		uint64_t now;

		if (!f->words)
			continue;
		now = rows[i].read(&wm->of);
		if (rows[i].type == METRIC_GAUGE)
			metrics_set(f->words, (double)now);
		else
			__atomic_store_n(f->words, f->before + now, __ATOMIC_RELAXED);
	}
	update_turns(wm);
}

static void on_timer(struct timer *timer)
{
	worker_metrics_update(container_of(timer, struct worker_metrics, timer));
}

/* ---- what only who asks looks up */

static int add_pool(struct metrics_view *view, const char *pool, const struct job_pool_counts *c)
{
	static const struct metric_def submitted = { METRIC_COUNTER, "weir_jobs_submitted",
						     NULL,	     "Jobs that were taken.",
						     NULL,	     0 };
	static const struct metric_def ended = { METRIC_COUNTER, "weir_jobs_ended",
						 NULL,		 "Jobs that have ended, by how.",
						 NULL,		 0 };
	static const struct metric_def jobs = {
		METRIC_GAUGE, "weir_jobs", NULL, "Jobs that are there, by what they do.", NULL, 0
	};
	static const struct metric_def waited = { METRIC_HISTOGRAM,
						  "weir_job_wait_seconds",
						  "seconds",
						  "How long jobs waited.",
						  NULL,
						  0 };
	static const struct metric_def ran = {
		METRIC_HISTOGRAM, "weir_job_run_seconds", "seconds", "How long jobs ran.", NULL, 0
	};
	const struct {
		const struct metric_def *def;
		const char *label, *value;
		uint64_t n;
	} numbers[] = {
		{ &submitted, NULL, NULL, c->submitted },
		{ &ended, "how", "refused", c->refused },
		{ &ended, "how", "done", c->done },
		{ &ended, "how", "failed", c->failed },
		{ &ended, "how", "killed", c->killed },
		{ &jobs, "state", "waiting", c->waiting },
		{ &jobs, "state", "running", c->running },
	};
	char text[METRICS_TEXT_MAX];
	size_t len = metrics_put_label(text, 0, "pool", weir_strz(pool)), all;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(numbers) && r >= 0; i++) {
		all = numbers[i].label ? metrics_put_label(text, len, numbers[i].label,
							   weir_strz(numbers[i].value))
				       : len;
		r = metrics_view_add(view, numbers[i].def, (weir_str){ text, all },
				     (double)numbers[i].n);
	}
	if (r >= 0)
		r = metrics_view_add_histogram(view, &waited, (weir_str){ text, len }, &c->wait_us);
	if (r >= 0)
		r = metrics_view_add_histogram(view, &ran, (weir_str){ text, len }, &c->run_us);
	return r;
}

static int collect(void *arg, struct metrics_view *view)
{
	static const struct metric_def lost_series = {
		METRIC_COUNTER, "weir_metrics_lost",
		NULL,		"Series that have found no room in metrics_memory.",
		NULL,		0
	};
	struct worker_metrics *wm = arg;
	const struct worker_metrics_of *of = &wm->of;
	struct job_counts_walk walk = { 0 };
	int r;

	if (!view) {
		worker_metrics_update(wm);
		return 0;
	}
	while (job_counts_next(of->jobs, &of->conf->jobs, &walk)) {
		r = add_pool(view, walk.name, &walk.counts);
		if (r < 0)
			return r;
	}
	return metrics_view_add(view, &lost_series, WEIR_STR(""),
				(double)metrics_memory_n_lost(of->memory));
}

/* ---- start and end */

static void follow(struct worker_metrics *wm, size_t i)
{
	const struct row *row = &rows[i];
	struct metric_def def = { row->type, row->name, row->unit, row->help, NULL, 0 };
	struct worker_metrics_follower *f = &wm->followers[i];
	char text[METRICS_TEXT_MAX];
	size_t len = 0;

	if (row->label)
		len = metrics_put_label(text, 0, row->label, weir_strz(row->value));
	if (metrics_add(wm->metrics, &def, (weir_str){ text, len }, &f->words) < 0)
		f->words = NULL;
	else
		f->before = *f->words;
}

/* With the bounds of base/histogram; its words follow each other in the same way. */
static void follow_turns(struct worker_metrics *wm)
{
	struct metric_def def = turns;
	double bounds[HISTOGRAM_BUCKETS];

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		bounds[i] = (double)histogram_bound_us(i) / 1e6;
	def.bounds = bounds;
	def.n_bounds = HISTOGRAM_BUCKETS - 1;
	if (metrics_add(wm->metrics, &def, WEIR_STR(""), &wm->turns) < 0)
		wm->turns = NULL;
	if (wm->of.lag)
		wm->turns_told = histogram_read(&wm->of.lag->turns);
}

static int start_tallies(struct worker_metrics *wm, struct binding *binding)
{
	int r;

	r = tally_init_all(&wm->tallies, wm->metrics, &wm->of.server->ticks);
	if (r < 0)
		return r;
	wm->routes = calloc(binding->n_routes + 1, sizeof(*wm->routes));
	if (!wm->routes)
		return -ENOMEM;
	tally_init(&wm->unrouted, &wm->tallies, WEIR_STR(""));
	for (size_t i = 0; i < binding->n_routes; i++) {
		tally_init(&wm->routes[i], &wm->tallies, weir_strz(binding->routes[i].path));
		binding->routes[i].tally = &wm->routes[i];
	}
	wm->of.server->tally = &wm->unrouted;
	return 0;
}

void worker_metrics_start(struct worker_metrics *wm, const struct worker_metrics_of *of,
			  unsigned slot, struct binding *binding)
{
	int r;

	*wm = (struct worker_metrics){ .of = *of };
	timer_init(&wm->timer, on_timer);
	if (!of->memory)
		return;
	r = metrics_new(of->memory, slot, &wm->metrics);
	if (r >= 0)
		r = start_tallies(wm, binding);
	if (r < 0) {
		log_write(of->log, LOG_AT_WARN, "requests are not counted: %s", strerror(-r));
		return;
	}
	if (!metrics_is_seen(wm->metrics))
		log_write(of->log, LOG_AT_WARN, "there is no room for what this worker counts");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		follow(wm, i);
	follow_turns(wm);
	for (size_t i = 0; i < binding->n_apps; i++)
		binding->apps[i]->metrics = wm->metrics;
	wm->shown = (struct site_metrics){ of->memory, collect, wm };
	of->site->metrics = wm->metrics;
	of->site->shown = &wm->shown;
	if (metrics_n_lost(wm->metrics) > 0)
		log_write(of->log, LOG_AT_WARN,
			  "metrics_memory is too small: %llu series have found no room in it",
			  (unsigned long long)metrics_n_lost(wm->metrics));
	loop_set_pulse(of->loop, &wm->timer, EVERY_MS);
}

void worker_metrics_stop(struct worker_metrics *wm)
{
	if (!wm->metrics)
		return;
	worker_metrics_update(wm);
	loop_set_pulse(wm->of.loop, NULL, 0);
	loop_timer_stop(wm->of.loop, &wm->timer);
	wm->of.site->shown = NULL;
}

void worker_metrics_done(struct worker_metrics *wm)
{
	wm->metrics = metrics_free(wm->metrics);
	free(wm->routes);
	wm->routes = NULL;
}
