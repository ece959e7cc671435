/*
 * test_lifespan.c - in which order modules start and stop, and what happens
 * to what they left running. In virtual time.
 */
#include "app/lifespan.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <weir/module.h>

#include "app/module.h"
#include "app/router.h"
#include "app/site.h"
#include "base/log.h"
#include "coro/sched.h"
#include "io/loop.h"

/* What happened, in order: "a.startup b.startup ". Each test is a process of its own. */
static char trace[1024];

static void note(const char *who, const char *what)
{
	size_t len = strlen(trace);

	(void)snprintf(trace + len, sizeof(trace) - len, "%s.%s ", who, what);
}

/* A worker without connections. */
struct world {
	struct loop *loop;
	struct sched *sched;
	struct log log;
	struct router *router;
	struct site site;
	struct weir_app *apps[4];
	size_t n_apps;
	struct lifespan *lifespan;
	bool is_started, is_stopped;
	int started;
	int log_pipe[2];
};

static void on_started(void *arg, int result)
{
	struct world *w = arg;

	cr_assert_not(w->is_started, "once");
	w->is_started = true;
	w->started = result;
}

static void on_stopped(void *arg, int result)
{
	struct world *w = arg;

	cr_assert_not(w->is_stopped, "once");
	cr_assert_eq(result, 0);
	w->is_stopped = true;
}

static void world_init(struct world *w, const weir_module *defs, size_t n_defs, unsigned max_tasks)
{
	struct buf words;

	*w = (struct world){ .n_apps = n_defs };
	cr_assert_eq(pipe2(w->log_pipe, O_NONBLOCK | O_CLOEXEC), 0);
	log_init(&w->log, w->log_pipe[1], LOG_AT_INFO);
	w->log.has_time = false;
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	cr_assert_eq(sched_new(w->loop, &(struct sched_opts){ .log = &w->log }, &w->sched), 0);
	w->router = router_new();
	site_init(&w->site, w->loop, w->sched, &w->log, w->router);
	w->site.task_memory = 65536;
	buf_init(&words, 1024);
	for (size_t i = 0; i < n_defs; i++)
		cr_assert_eq(module_wrap(&defs[i], &w->log, &words, &w->apps[i]), 0);
	cr_assert_eq(lifespan_new(&w->site, w->apps, n_defs, max_tasks, &w->lifespan), 0);
}

/* Turns until the flag is set; each may jump to the next timer. */
static void turn_until(struct world *w, const bool *flag)
{
	for (int i = 0; i < 1000 && !*flag; i++)
		loop_turn(w->loop, true);
	cr_assert(*flag, "it never happens; so far: %s", trace);
}

/* Until that much virtual time has passed. */
static void nothing(struct timer *timer)
{
}

static void let_pass(struct world *w, int64_t ms)
{
	int64_t until_ms = loop_now_ms(w->loop) + ms;
	struct timer timer;

	timer_init(&timer, nothing);
	loop_timer_start(w->loop, &timer, until_ms);
	while (loop_now_ms(w->loop) < until_ms)
		loop_turn(w->loop, true);
	loop_turn(w->loop, false);
}

static int start(struct world *w)
{
	lifespan_startup(w->lifespan, on_started, w);
	turn_until(w, &w->is_started);
	return w->started;
}

static void stop(struct world *w)
{
	lifespan_shutdown(w->lifespan, on_stopped, w);
	turn_until(w, &w->is_stopped);
}

static void world_done(struct world *w)
{
	w->lifespan = lifespan_free(w->lifespan);
	for (size_t i = 0; i < w->n_apps; i++)
		w->apps[i] = module_free(w->apps[i]);
	w->router = router_free(w->router);
	loop_turn(w->loop, false);
	w->sched = sched_free(w->sched);
	w->loop = loop_free(w->loop);
	close(w->log_pipe[0]);
	close(w->log_pipe[1]);
}

/* What was logged so far. */
static const char *logged(const struct world *w)
{
	static char text[4096];
	ssize_t n = read(w->log_pipe[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

#define DESCRIBE(name_, ...)                                                               \
	{                                                                                  \
		.size = sizeof(weir_module), .handler_size = sizeof(weir_handler_entry),   \
		.abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR, .name = (name_), \
		__VA_ARGS__                                                                \
	}

/* ---- what modules do */

static const char *name_of(const weir_app *app)
{
	return app->name;
}

static int start_quietly(weir_app *app)
{
	note(name_of(app), "startup");
	return 0;
}

static int start_slowly(weir_app *app)
{
	int r;

	note(name_of(app), "starts");
	r = weir_sleep(1000);
	note(name_of(app), r < 0 ? "gives-up" : "startup");
	return r;
}

static int start_never(weir_app *app)
{
	note(name_of(app), "fails");
	return weir_fail(weir_app_req(app), -EIO, "no database at %s", "db.internal");
}

static int start_never_in_silence(weir_app *app)
{
	return -EACCES;
}

static void stop_quietly(weir_app *app)
{
	note(name_of(app), "shutdown");
}

static void stop_slowly(weir_app *app)
{
	int r;

	r = weir_sleep(1000);
	note(name_of(app), r < 0 ? "was-cancelled" : "shutdown");
}

static void drain_quietly(weir_app *app)
{
	note(name_of(app), "drain");
}

static void drain_slowly(weir_app *app)
{
	int r;

	note(name_of(app), "drains");
	r = weir_sleep(5000);
	note(name_of(app), r < 0 ? "was-cut" : "drain");
}

/* ---- startup */

Test(lifespan_startup, calls_each_in_order)
{
	const weir_module defs[] = {
		DESCRIBE("a", .startup = start_quietly),
		DESCRIBE("b", .startup = start_quietly),
		DESCRIBE("c", .startup = start_quietly),
	};
	struct world w;

	world_init(&w, defs, 3, 10);
	cr_assert_eq(start(&w), 0);
	cr_assert_str_eq(trace, "a.startup b.startup c.startup ");
	cr_assert_str_eq(lifespan_words(w.lifespan), "");
	stop(&w);
	world_done(&w);
}

Test(lifespan_startup, waits_for_one_before_it_calls_the_next)
{
	const weir_module defs[] = {
		DESCRIBE("a", .startup = start_slowly),
		DESCRIBE("b", .startup = start_quietly),
	};
	struct world w;

	world_init(&w, defs, 2, 10);
	lifespan_startup(w.lifespan, on_started, &w);
	cr_assert_str_eq(trace, "a.starts ");
	cr_assert_not(w.is_started);
	turn_until(&w, &w.is_started);
	cr_assert_str_eq(trace, "a.starts a.startup b.startup ");
	stop(&w);
	world_done(&w);
}

Test(lifespan_startup, of_no_module_is_done_at_once)
{
	struct world w;

	world_init(&w, NULL, 0, 10);
	cr_assert_eq(start(&w), 0);
	stop(&w);
	world_done(&w);
}

Test(lifespan_startup, ends_with_the_first_that_fails)
{
	const weir_module defs[] = {
		DESCRIBE("a", .startup = start_quietly, .shutdown = stop_quietly),
		DESCRIBE("b", .startup = start_never, .shutdown = stop_quietly),
		DESCRIBE("c", .startup = start_quietly, .shutdown = stop_quietly),
	};
	struct world w;

	world_init(&w, defs, 3, 10);
	cr_assert_eq(start(&w), -EIO);
	cr_assert_str_eq(lifespan_words(w.lifespan),
			 "module 'b' could not start: no database at db.internal (EIO)");
	stop(&w);
	cr_assert_str_eq(trace, "a.startup b.fails a.shutdown ", "only what started is shut down");
	world_done(&w);
}

Test(lifespan_startup, has_words_for_a_module_that_gave_none)
{
	const weir_module defs[] = { DESCRIBE("a", .startup = start_never_in_silence) };
	struct world w;

	world_init(&w, defs, 1, 10);
	cr_assert_eq(start(&w), -EACCES);
	cr_assert_str_eq(lifespan_words(w.lifespan), "module 'a' could not start: EACCES");
	stop(&w);
	world_done(&w);
}

static int start_with_request(weir_app *app)
{
	weir_req *req = weir_app_req(app);

	cr_assert_not_null(req);
	cr_assert_eq(req->scope->type, WEIR_SCOPE_TASK);
	cr_assert_not_null(weir_alloc(req, 100));
	weir_log(req, WEIR_LOG_INFO, "here is %s", "a module");
	weir_app_set_state(app, app);
	return 0;
}

Test(lifespan_startup, gives_it_a_request_with_memory_and_log)
{
	const weir_module defs[] = { DESCRIBE("a", .startup = start_with_request) };
	struct world w;

	world_init(&w, defs, 1, 10);
	cr_assert_eq(start(&w), 0);
	cr_assert_null(weir_app_req(w.apps[0]), "only while it runs");
	cr_assert_not_null(strstr(logged(&w), "here is a module"));
	stop(&w);
	world_done(&w);
}

/* ---- shutdown */

Test(lifespan_shutdown, goes_in_reverse_order)
{
	const weir_module defs[] = {
		DESCRIBE("a", .shutdown = stop_quietly),
		DESCRIBE("b", .shutdown = stop_slowly),
		DESCRIBE("c", .shutdown = stop_quietly),
	};
	struct world w;

	world_init(&w, defs, 3, 10);
	cr_assert_eq(start(&w), 0);
	stop(&w);
	cr_assert_str_eq(trace, "c.shutdown b.shutdown a.shutdown ");
	world_done(&w);
}

Test(lifespan_shutdown, cancels_a_startup_under_way)
{
	const weir_module defs[] = {
		DESCRIBE("a", .startup = start_quietly, .shutdown = stop_quietly),
		DESCRIBE("b", .startup = start_slowly, .shutdown = stop_quietly),
		DESCRIBE("c", .startup = start_quietly, .shutdown = stop_quietly),
	};
	struct world w;

	world_init(&w, defs, 3, 10);
	lifespan_startup(w.lifespan, on_started, &w);
	stop(&w);
	cr_assert(w.is_started);
	cr_assert_eq(w.started, -ECANCELED);
	cr_assert_str_eq(trace, "a.startup b.starts b.gives-up a.shutdown ");
	world_done(&w);
}

Test(lifespan_drain, calls_each_in_order)
{
	const weir_module defs[] = {
		DESCRIBE("a", .drain = drain_slowly),
		DESCRIBE("b", .shutdown = stop_quietly),
		DESCRIBE("c", .drain = drain_quietly),
	};
	struct world w;

	world_init(&w, defs, 3, 10);
	cr_assert_eq(start(&w), 0);
	lifespan_drain(w.lifespan);
	let_pass(&w, 6000);
	cr_assert_str_eq(trace, "a.drains a.drain c.drain ");
	stop(&w);
	world_done(&w);
}

Test(lifespan_drain, is_cut_short_by_shutdown)
{
	const weir_module defs[] = {
		DESCRIBE("a", .drain = drain_slowly, .shutdown = stop_quietly),
		DESCRIBE("b", .drain = drain_quietly, .shutdown = stop_quietly),
	};
	struct world w;

	world_init(&w, defs, 2, 10);
	cr_assert_eq(start(&w), 0);
	lifespan_drain(w.lifespan);
	let_pass(&w, 1000);
	stop(&w);
	cr_assert_str_eq(trace, "a.drains a.was-cut b.shutdown a.shutdown ");
	world_done(&w);
}

/* ---- background tasks */

static int tick(weir_req *req, void *arg)
{
	int r;

	cr_assert_eq(req->scope->type, WEIR_SCOPE_TASK);
	while ((r = weir_sleep(1000)) >= 0)
		note(arg, "tick");
	cr_assert_eq(weir_cancel_reason(), WEIR_SHUTDOWN);
	note(arg, "ends");
	return r;
}

static int start_ticking(weir_app *app)
{
	return weir_app_spawn(app, tick, app->name);
}

Test(weir_app_spawn, runs_until_just_before_shutdown)
{
	const weir_module defs[] = {
		DESCRIBE("a", .startup = start_ticking, .shutdown = stop_quietly),
	};
	struct world w;

	world_init(&w, defs, 1, 10);
	cr_assert_eq(start(&w), 0);
	let_pass(&w, 2500);
	cr_assert_str_eq(trace, "a.tick a.tick ");
	stop(&w);
	cr_assert_str_eq(trace, "a.tick a.tick a.ends a.shutdown ");
	cr_assert_str_eq(logged(&w), "", "ending that way is no error");
	world_done(&w);
}

static int tick_with_goodbye(weir_req *req, void *arg)
{
	int r;

	r = weir_sleep(1000000);
	cr_assert_eq(r, -ECANCELED);
	r = weir_shielded(500, weir_sleep(300));
	note(arg, r < 0 ? "was-torn" : "said-goodbye");
	return -ECANCELED;
}

static int start_with_goodbye(weir_app *app)
{
	return weir_app_spawn(app, tick_with_goodbye, app->name);
}

Test(weir_app_spawn, is_waited_for_before_any_module_shuts_down)
{
	const weir_module defs[] = {
		DESCRIBE("a", .startup = start_with_goodbye, .shutdown = stop_quietly),
		DESCRIBE("b", .shutdown = stop_quietly),
	};
	struct world w;

	world_init(&w, defs, 2, 10);
	cr_assert_eq(start(&w), 0);
	stop(&w);
	cr_assert_str_eq(trace, "a.said-goodbye b.shutdown a.shutdown ");
	world_done(&w);
}

static int fail_later(weir_req *req, void *arg)
{
	int r;

	r = weir_sleep(10);
	if (r < 0)
		return r;
	return weir_fail(req, -EIO, "the queue is gone");
}

static int start_failing(weir_app *app)
{
	return weir_app_spawn(app, fail_later, NULL);
}

Test(weir_app_spawn, logs_what_a_task_failed_with)
{
	const weir_module defs[] = { DESCRIBE("a", .startup = start_failing) };
	struct world w;

	world_init(&w, defs, 1, 10);
	cr_assert_eq(start(&w), 0);
	let_pass(&w, 20);
	cr_assert_str_eq(logged(&w), "error: a: background task ended: EIO: the queue is gone\n");
	stop(&w);
	world_done(&w);
}

static int return_at_once(weir_req *req, void *arg)
{
	note(arg, "ran");
	return 0;
}

static int start_short_tasks(weir_app *app)
{
	for (int i = 0; i < 3; i++) {
		int r = weir_app_spawn(app, return_at_once, app->name);

		if (r < 0)
			return r;
	}
	return weir_sleep(1);
}

Test(weir_app_spawn, takes_tasks_that_never_suspend)
{
	const weir_module defs[] = { DESCRIBE("a", .startup = start_short_tasks) };
	struct world w;

	world_init(&w, defs, 1, 10);
	cr_assert_eq(start(&w), 0);
	cr_assert_str_eq(trace, "a.ran a.ran a.ran ");
	cr_assert_eq(w.apps[0]->n_tasks, 0);
	stop(&w);
	world_done(&w);
}

static int start_too_many(weir_app *app)
{
	cr_assert_eq(weir_app_spawn(app, tick, app->name), 0);
	cr_assert_eq(weir_app_spawn(app, tick, app->name), 0);
	return weir_app_spawn(app, tick, app->name);
}

Test(weir_app_spawn, refuses_one_too_many)
{
	const weir_module defs[] = { DESCRIBE("a", .startup = start_too_many) };
	struct world w;

	world_init(&w, defs, 1, 2);
	cr_assert_eq(start(&w), -EAGAIN);
	stop(&w);
	cr_assert_str_eq(trace, "a.ends a.ends ", "what it had begun is cancelled");
	world_done(&w);
}

static void stop_with_a_task(weir_app *app)
{
	cr_assert_eq(weir_app_spawn(app, return_at_once, app->name), -ECANCELED);
	note(name_of(app), "shutdown");
}

Test(weir_app_spawn, refuses_all_at_shutdown)
{
	const weir_module defs[] = { DESCRIBE("a", .shutdown = stop_with_a_task) };
	struct world w;

	world_init(&w, defs, 1, 10);
	cr_assert_eq(start(&w), 0);
	stop(&w);
	cr_assert_str_eq(trace, "a.shutdown ");
	world_done(&w);
}
