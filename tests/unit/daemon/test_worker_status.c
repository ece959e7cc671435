/* test_worker_status.c - a worker that is looked at, and asked by others; all in one process. */
#include "daemon/worker_status.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>
#include <weir/coro.h>

#include "app_world.h"
#include "base/log.h"
#include "base/metrics.h"
#include "conf/conf.h"
#include "daemon/binding.h"
#include "daemon/master.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_metrics.h"

static struct world {
	struct app_world *a;
	struct worker_board *board;
	struct worker_lags lags;
	struct metrics_memory *memory;
	struct conf conf;
	struct log log;
	struct binding binding;
	struct worker_args args;
	struct worker_status status;
	unsigned n_asked, n_told; /* what went out to other workers */
} w;

static void on_publish(void *arg, const struct publication_view *view)
{
	w.n_asked += weir_str_eq(view->name, WEIR_STR("status/ask"));
	w.n_told += weir_str_eq(view->name, WEIR_STR("status/tell/1"));
	cr_expect(weir_str_eq(view->scope, WEIR_STR("weir")), "no module hears it");
}

static int wait_long(weir_req *req)
{
	return weir_sleep(60000);
}

static void start(void)
{
	struct worker_metrics_of of = { .memory = w.memory,
					.conf = &w.conf,
					.log = &w.log,
					.loop = w.a->w->loop,
					.sched = w.a->sched,
					.site = &w.a->site };

	worker_status_start(&w.status, &of, &w.args, &w.binding);
}

/* Worker 1 of two. */
static void begin(void)
{
	const struct board_want want = { .generation = 7, .n_workers = 2, .stall_ms = 500 };
	struct worker_slot slots[2];

	memset(&w, 0, sizeof(w));
	w.a = app_world_new();
	app_world_route(w.a, "/wait", wait_long)->is_page_too = true;
	w.binding.routes = w.a->routes;
	w.binding.n_routes = 1;
	log_init(&w.log, 2, LOG_AT_ERROR);
	cr_assert_eq(worker_board_new(2, 0, &w.board), 0);
	cr_assert_eq(worker_lags_init(&w.lags, 2), 0);
	cr_assert_eq(metrics_memory_new(1, 8192, &w.memory), 0);
	for (unsigned i = 0; i < 2; i++) {
		worker_slot_init(&slots[i], i);
		worker_slot_forked(&slots[i], getpid(), -1, 0);
		beat_init(&worker_lags_at(&w.lags, i)->beat, NULL);
	}
	worker_board_write(w.board, BOARD_RUNNING, &want, slots, 2);
	w.args = (struct worker_args){ .slot = 1, .board = w.board, .lags = &w.lags };
	w.a->topics.hooks.publish_out = on_publish;
}

static void end(void)
{
	worker_status_stop(&w.status);
	cr_expect_null(w.a->site.status);
	app_world_free(w.a);
	(void)metrics_memory_free(w.memory);
	worker_lags_done(&w.lags);
	(void)worker_board_free(w.board);
}

TestSuite(worker_status, .init = begin, .fini = end);

static const char *look(void)
{
	static char text[65536];
	const struct site_status *status = w.a->site.status;
	weir_str json;

	cr_assert_not_null(status);
	cr_assert_eq(status->look(status->arg, &json), 0);
	cr_assert_lt(json.len, sizeof(text));
	memcpy(text, json.ptr, json.len);
	text[json.len] = '\0';
	return text;
}

/* By another worker. */
static void deliver(const char *name, const char *text)
{
	const struct publication_view view = { .scope = WEIR_STR("weir"),
					       .name = weir_strz(name),
					       .bytes = weir_strz(text) };

	cr_assert_eq(topics_deliver(&w.a->topics, &view), 0);
}

Test(worker_status, is_made_once_a_second_however_many_look)
{
	start();
	for (int i = 0; i < 5; i++)
		(void)look();
	cr_expect_eq(w.n_asked, 1);
	h1_world_pass(w.a->w, 1000);
	(void)look();
	cr_expect_eq(w.n_asked, 2);
}

Test(worker_status, nobody_asks_when_nobody_looks)
{
	start();
	h1_world_pass(w.a->w, 10000);
	cr_expect_eq(w.n_asked + w.n_told, 0);
}

Test(worker_status, tells_of_its_own_tasks)
{
	start();
	client_send(client_new(w.a->w), "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect(strstr(look(), "\"tasks\":[]}"));
	h1_world_pass(w.a->w, 1000);
	cr_expect(strstr(look(), "\"tasks\":[{\"slot\":1,\"age_ms\":"));
	cr_expect(strstr(look(), "\"request\":\"GET /wait\""));
	h1_world_pass(w.a->w, 60000);
}

Test(worker_status, answers_who_asks_but_not_again_at_once)
{
	start();
	for (int i = 0; i < 5; i++)
		deliver("status/ask", "");
	cr_expect_eq(w.n_told, 1);
	h1_world_pass(w.a->w, 1000);
	deliver("status/ask", "");
	cr_expect_eq(w.n_told, 2);
	cr_expect_eq(w.n_asked, 0);
}

Test(worker_status, shows_what_others_have_told)
{
	start();
	deliver("status/tell/0", "[{\"handler\":\"a.b\"}]");
	cr_expect(
		strstr(look(),
		       "\"tasks\":[{\"slot\":0,\"age_ms\":0,\"tasks\":[{\"handler\":\"a.b\"}]}]}"));
	deliver("status/tell/0", "[]");
	h1_world_pass(w.a->w, 1000);
	cr_expect(strstr(look(), "{\"slot\":0,\"age_ms\":0,\"tasks\":[]}"));
}

Test(worker_status, believes_nobody_who_is_no_slot)
{
	start();
	deliver("status/tell/", "[1]");
	deliver("status/tell/2", "[1]");
	deliver("status/tell/-1", "[1]");
	deliver("status/tell/0x", "[1]");
	deliver("status/tell/4294967296", "[1]");
	cr_expect(strstr(look(), "\"tasks\":[]}"));
}

Test(worker_status, is_nothing_where_no_route_shows_it)
{
	w.a->routes[0].is_page_too = false;
	start();
	cr_expect_null(w.a->site.status);
	deliver("status/ask", "");
	cr_expect_eq(w.n_told, 0);
}

Test(worker_status, is_nothing_where_nothing_is_shared)
{
	w.args.board = NULL;
	start();
	cr_expect_null(w.a->site.status);
}
