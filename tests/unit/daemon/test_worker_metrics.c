/* test_worker_metrics.c - what a worker counts, as others read it. */
#include "daemon/worker_metrics.h"

#include <criterion/criterion.h>
#include <weir/metrics.h>

#include "app/module.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf_fixture.h"
#include "coro/sched.h"
#include "daemon/binding.h"
#include "daemon/job_counts.h"
#include "daemon/sessions.h"
#include "daemon/worker_lags.h"
#include "io/loop.h"
#include "metrics_says.h"
#include "serve/server.h"

#define ROUTES                              \
	"module_path: [" TEST_MODULES "]\n" \
	"modules: [{path: good.so}]\n"      \
	"routes:\n"                         \
	"  - {path: /user, handler: good.user}\n"

static struct world {
	struct fixture fixture;
	struct loop *loop;
	struct sched *sched;
	struct log log;
	struct binding *binding;
	struct server server;
	struct site site;
	struct sessions sessions;
	struct metrics_memory *memory;
	struct job_counts jobs;
	struct worker_lags lags;
	struct worker_metrics metrics;
} w;

static void start(void)
{
	struct worker_metrics_of of = { .memory = w.memory,
					.conf = w.fixture.conf,
					.jobs = &w.jobs,
					.log = &w.log,
					.loop = w.loop,
					.sched = w.sched,
					.server = &w.server,
					.site = &w.site,
					.sessions = &w.sessions,
					.lag = worker_lags_at(&w.lags, 0) };

	worker_metrics_start(&w.metrics, &of, 0, w.binding);
}

static void make(void)
{
	const struct server_limits limits = { .head = { .max_fields = 10 } };

	fixture_init(&w.fixture);
	fixture_load(&w.fixture, ROUTES);
	cr_assert_eq(w.fixture.r, 0, "%s", w.fixture.said);
	log_init(&w.log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new_virtual(&w.loop), 0);
	cr_assert_eq(sched_new(w.loop, &(struct sched_opts){ .log = &w.log }, &w.sched), 0);
	cr_assert_eq(binding_new(w.fixture.conf, &w.log, &w.fixture.messages, &w.binding), 0);
	cr_assert_eq(server_init(&w.server, w.loop, &w.log, &limits), 0);
	site_init(&w.site, w.loop, w.sched, &w.log, w.binding->router);
	cr_assert_eq(sessions_init(&w.sessions, w.fixture.conf, w.binding, &w.server, &w.site), 0);
	cr_assert_eq(metrics_memory_new(2, 65536, &w.memory), 0);
	cr_assert_eq(job_counts_init(&w.jobs), 0);
	cr_assert_eq(worker_lags_init(&w.lags, 1), 0);
	start();
}

static void unmake(void)
{
	worker_metrics_stop(&w.metrics);
	sessions_done(&w.sessions);
	site_done(&w.site);
	server_done(&w.server);
	w.binding = binding_free(w.binding);
	worker_metrics_done(&w.metrics);
	w.sched = sched_free(w.sched);
	w.loop = loop_free(w.loop);
	w.memory = metrics_memory_free(w.memory);
	job_counts_done(&w.jobs);
	worker_lags_done(&w.lags);
	fixture_done(&w.fixture);
}

/* In what GET /metrics would say, if up to date. */
static bool says(const char *line)
{
	const struct site_metrics *shown = w.site.shown;
	struct metrics_view *view;

	cr_assert_eq(metrics_view_new(w.memory, &view), 0);
	cr_assert_eq(shown->collect(shown->arg, view), 0);
	return metrics_view_says(view, line);
}

Test(worker_metrics, are_what_the_parts_of_the_worker_say)
{
	make();
	w.server.n_accepted = 5;
	w.server.n_conns = 3;
	w.server.exchanges.n_live = 1;
	worker_metrics_update(&w.metrics);
	w.server.exchanges.n_live = 0;
	cr_expect(says("\nweir_connections_accepted_total 5\n"));
	cr_expect(says("\nweir_connections{state=\"idle\"} 2\n"));
	cr_expect(says("\nweir_connections{state=\"active\"} 1\n"));
	cr_expect(says("\nweir_workers 1\n"));
	w.server.n_conns = 0;
	unmake();
}

Test(worker_metrics, come_within_a_second_of_what_happens)
{
	struct timer end;

	make();
	w.server.n_accepted = 7;
	timer_init(&end, NULL);
	loop_turn(w.loop, true);
	cr_expect(timer_is_active(&w.metrics.timer));
	loop_turn(w.loop, true);
	cr_expect(says("\nweir_connections_accepted_total 7\n"));
	cr_expect_not(timer_is_active(&w.metrics.timer), "nobody is woken for nothing");
	unmake();
}

Test(worker_metrics, go_on_where_a_predecessor_has_stopped)
{
	make();
	w.server.n_accepted = 5;
	worker_metrics_stop(&w.metrics);
	worker_metrics_done(&w.metrics);
	w.server.n_accepted = 2;
	start();
	worker_metrics_update(&w.metrics);
	cr_expect(says("\nweir_connections_accepted_total 7\n"));
	unmake();
}

Test(worker_metrics, of_the_loop_and_of_jobs)
{
	struct job_pool_counts *pool;

	make();
	histogram_add(&worker_lags_at(&w.lags, 0)->turns, 100);
	job_counts_open(&w.jobs, 0, "default");
	pool = job_counts_at(&w.jobs, 0);
	job_counts_submit(pool);
	job_counts_start(pool, 10);
	worker_metrics_update(&w.metrics);
	worker_metrics_update(&w.metrics);
	cr_expect(says("\nweir_loop_turn_seconds_count 1\n"));
	cr_expect(says("\nweir_jobs_submitted_total{pool=\"default\"} 1\n"));
	cr_expect(says("\nweir_jobs{pool=\"default\",state=\"running\"} 1\n"));
	cr_expect(says("\nweir_job_wait_seconds_count{pool=\"default\"} 1\n"));
	unmake();
}

Test(worker_metrics, routes_and_modules_have_theirs)
{
	weir_counter *orders;

	make();
	tally_count(w.binding->routes[0].tally, &(struct tally_entry){ .status = 200 });
	tally_count_refused(w.server.tally, 400);
	orders = weir_counter_new(w.binding->apps[0], "good_orders", "Orders.");
	weir_counter_add(orders, 3);
	cr_expect(says("\nweir_http_requests_total{route=\"/user\",code=\"200\"} 1\n"));
	cr_expect(says("\nweir_http_requests_total{code=\"400\"} 1\n"));
	cr_expect(says("\ngood_orders_total 3\n"));
	cr_expect(says("\nweir_metrics_lost_total 0\n"));
	unmake();
}
