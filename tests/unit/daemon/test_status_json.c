/* test_status_json.c - what is told of workers, sums and jobs. */
#include "daemon/status_json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/metrics_view.h"
#include "conf/conf.h"
#include "daemon/job_counts.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"

#define NOW_US 7000000

static struct world {
	struct worker_board *board;
	struct worker_lags lags;
	struct metrics_memory *memory;
	struct metrics *metrics;
	struct job_counts jobs;
	struct conf_job_pool pool;
	struct conf conf;
	struct status_json_tasks tasks[3];
	struct buf out;
} w;

/* This process is worker 1, of three slots; 2 has none. */
static void begin(void)
{
	const struct board_want want = { .generation = 7, .n_workers = 2, .stall_ms = 500 };
	struct worker_slot slots[3];

	cr_assert_eq(worker_board_new(3, 1000, &w.board), 0);
	cr_assert_eq(worker_lags_init(&w.lags, 3), 0);
	for (unsigned i = 0; i < 3; i++)
		worker_slot_init(&slots[i], i);
	for (unsigned i = 0; i < 2; i++) {
		slots[i].generation = 7;
		worker_slot_forked(&slots[i], i ? getpid() : 1, -1, 2000);
		worker_slot_move(&slots[i], WORKER_READY);
		beat_init(&worker_lags_at(&w.lags, i)->beat, NULL);
	}
	worker_board_write(w.board, BOARD_RUNNING, &want, slots, 3);
	cr_assert_eq(metrics_memory_new(2, 65536, &w.memory), 0);
	cr_assert_eq(metrics_new(w.memory, 0, &w.metrics), 0);
	cr_assert_eq(job_counts_init(&w.jobs), 0);
	w.pool.name = "default";
	w.conf.jobs.pools = &w.pool;
	w.conf.jobs.n_pools = 1;
	buf_init(&w.out, 0);
}

static void end(void)
{
	buf_done(&w.out);
	job_counts_done(&w.jobs);
	(void)metrics_free(w.metrics);
	(void)metrics_memory_free(w.memory);
	worker_lags_done(&w.lags);
	(void)worker_board_free(w.board);
}

TestSuite(status_json, .init = begin, .fini = end);

static void count(enum metric_type type, const char *name, const char *labels, uint64_t n)
{
	const struct metric_def def = { type, name, NULL, "", NULL, 0 };
	uint64_t *words;

	cr_assert_eq(metrics_add(w.metrics, &def, weir_strz(labels), &words), 0);
	if (type == METRIC_GAUGE)
		metrics_set(words, (double)n);
	else
		metrics_count(words, n);
}

static void expect(const char *part)
{
	struct metrics_view *sums;
	struct status_json_of of = { .view = { w.board, &w.lags },
				     .memory = w.memory,
				     .conf = &w.conf,
				     .jobs = &w.jobs,
				     .slot = 1,
				     .now_us = NOW_US,
				     .tasks = w.tasks };

	cr_assert_eq(metrics_view_new(w.memory, &sums), 0);
	of.sums = sums;
	buf_clear(&w.out);
	cr_assert_eq(status_json_write(&of, &w.out), 0);
	cr_assert_eq(buf_append(&w.out, "", 1), 0);
	cr_expect(strstr(w.out.data, part), "%s\nis not in\n%s", part, w.out.data);
	(void)metrics_view_free(sums);
}

Test(status_json, begins_with_the_daemon)
{
	char part[128];

	(void)snprintf(part, sizeof(part),
		       "{\"at_us\":7000000,\"slot\":1,\"daemon\":{\"phase\":\"running\",\"pid\":%d,"
		       "\"up_ms\":6000,\"workers\":2},",
		       (int)getpid());
	expect(part);
}

Test(status_json, gives_each_worker_the_numbers_of_its_process)
{
	char part[512];

	count(METRIC_COUNTER, "weir_http_requests", "route=\"/a\",code=\"200\"", 5);
	count(METRIC_COUNTER, "weir_http_requests", "code=\"404\"", 2);
	count(METRIC_GAUGE, "weir_connections", "state=\"idle\"", 3);
	count(METRIC_GAUGE, "weir_connections", "state=\"active\"", 1);
	count(METRIC_GAUGE, "weir_tasks", "", 4);
	histogram_add(&worker_lags_at(&w.lags, 1)->turns, 3);
	worker_lag_add_stall(worker_lags_at(&w.lags, 1));
	(void)snprintf(part, sizeof(part),
		       "{\"slot\":1,\"pid\":%d,\"state\":\"ready\",\"is_now\":true,\"up_ms\":5000,"
		       "\"starts\":1,\"turn_us\":0,\"stalls\":1,\"turns_us\":3,\"turns\":[0,0,1],"
		       "\"requests\":7,\"connections\":4,\"tasks\":4,\"memory\":0}]",
		       (int)getpid());
	expect(part);
	expect("{\"slot\":0,\"pid\":1,\"state\":\"ready\",");
	expect("\"turns\":[],\"requests\":0,\"connections\":0,\"tasks\":0,\"memory\":0},");
	cr_expect_null(strstr(w.out.data, "\"slot\":2"), "there is nobody");
}

Test(status_json, says_who_is_stuck)
{
	beat_begin(&worker_lags_at(&w.lags, 0)->beat, NOW_US - 800000);
	expect("\"state\":\"stuck\"");
	expect("\"turn_us\":800000");
}

Test(status_json, sums_up_by_state_and_by_class_of_status)
{
	count(METRIC_COUNTER, "weir_http_requests", "route=\"/a\",code=\"200\"", 5);
	count(METRIC_COUNTER, "weir_http_requests", "route=\"/b\",code=\"204\"", 2);
	count(METRIC_COUNTER, "weir_http_requests", "code=\"404\"", 1);
	count(METRIC_COUNTER, "weir_http_requests", "code=\"other\"", 1);
	count(METRIC_COUNTER, "weir_http_requests", "route=\"code=\\\"500\\\"\"", 1);
	count(METRIC_GAUGE, "weir_connections", "state=\"idle\"", 3);
	count(METRIC_COUNTER, "weir_websocket_messages", "direction=\"in\"", 6);
	count(METRIC_GAUGE, "weir_topics", "", 2);
	expect("\"requests\":{\"total\":10,\"classes\":[2,0,7,0,1],\"failures\":0}");
	expect("\"connections\":{\"active\":0,\"idle\":3,\"websocket\":0,\"handshake\":0,");
	expect("\"websockets\":{\"open\":0,\"opened\":0,\"in\":6,\"out\":0,\"dropped\":0}");
	expect("\"topics\":{\"topics\":2,\"published\":0,");
}

Test(status_json, adds_up_the_latency_of_all_routes)
{
	static const double bounds[] = { 0.001, 0.5 };
	const struct metric_def def = { METRIC_HISTOGRAM, "weir_http_request_duration_seconds",
					"seconds",	  "",
					bounds,		  2 };
	uint64_t *words;

	cr_assert_eq(metrics_add(w.metrics, &def, WEIR_STR("route=\"/a\""), &words), 0);
	metrics_count(&words[1], 2);
	metrics_add_real(&words[0], 0.25);
	cr_assert_eq(metrics_add(w.metrics, &def, WEIR_STR("route=\"/b\""), &words), 0);
	metrics_count(&words[1], 1);
	metrics_count(&words[3], 4);
	expect("\"latency\":{\"bounds_us\":[1000,500000],\"counts\":[3,0,4],\"sum_us\":250000}");
}

Test(status_json, has_nothing_where_nothing_was_counted)
{
	expect("\"requests\":{\"total\":0,\"classes\":[],\"failures\":0}");
	expect("\"latency\":{\"bounds_us\":[],\"counts\":[],\"sum_us\":0}");
	expect("\"tasks\":[]}\n");
}

Test(status_json, escapes_the_names_of_pools)
{
	w.pool.name = "a\"b\\c\n</script>";
	job_counts_open(&w.jobs, 3, w.pool.name);
	job_counts_submit(job_counts_at(&w.jobs, 3));
	expect("\"jobs\":[{\"pool\":\"a\\\"b\\\\c\\u000a</script>\",\"waiting\":1,\"running\":0,"
	       "\"submitted\":1,");
}

Test(status_json, has_the_tasks_of_those_who_have_told_of_them)
{
	w.tasks[1] = (struct status_json_tasks){ NOW_US / 1000 - 20, WEIR_STR("[{}]") };
	w.tasks[2] = w.tasks[1]; /* who has gone since */
	expect("\"tasks\":[{\"slot\":1,\"age_ms\":20,\"tasks\":[{}]}]}\n");
}
