/*
 * lifespan.c - a small state machine around one step at a time: a step is the
 * startup(), drain() or shutdown() of one module, run as a task. When it ends
 * the next one begins, so modules never start or stop at the same time.
 *
 * The hard thing is that shutdown may be asked for in the middle of the others.
 * Then the step under way is cancelled, and its end, instead of beginning the
 * next step, begins to stop.
 */
#include "app/lifespan.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/module.h"
#include "app/req.h"
#include "app/site.h"
#include "base/log.h"
#include "base/str.h"

enum lifespan_phase {
	LIFESPAN_NEW,	   /* nothing was called yet */
	LIFESPAN_STARTING, /* apps before `next` have started */
	LIFESPAN_FAILED,   /* one could not start; only shutdown may follow */
	LIFESPAN_RUNNING,  /* all have started */
	LIFESPAN_DRAINING, /* apps before `next` have drained, perhaps all */
	LIFESPAN_WAITING, /* the step under way and background tasks are cancelled; until they end */
	LIFESPAN_STOPPING, /* apps from `next` on have shut down */
	LIFESPAN_ENDED,	   /* all have */
};

struct lifespan {
	struct site *site; /* borrowed */
	enum lifespan_phase phase;
	size_t next;	  /* app whose turn it is; see the phases */
	struct req *step; /* owned: the step under way */
	char step_name[80];
	unsigned n_tasks; /* background tasks of all apps */
	unsigned max_tasks;
	char words[512];

	lifespan_done_fn *started, *stopped;
	void *started_arg, *stopped_arg;

	size_t n_apps;
	struct weir_app *apps[]; /* borrowed */
};

/* A background task. */
struct background {
	struct list link;     /* in app->tasks */
	struct weir_app *app; /* borrowed */
	struct req *req;      /* owned */
	char name[80];
};

static const unsigned char next_phases[] = {
#define P(phase) (1 << (phase))
	[LIFESPAN_NEW] = P(LIFESPAN_STARTING),
	[LIFESPAN_STARTING] = P(LIFESPAN_RUNNING) | P(LIFESPAN_FAILED) | P(LIFESPAN_WAITING),
	[LIFESPAN_FAILED] = P(LIFESPAN_WAITING),
	[LIFESPAN_RUNNING] = P(LIFESPAN_DRAINING) | P(LIFESPAN_WAITING),
	[LIFESPAN_DRAINING] = P(LIFESPAN_WAITING),
	[LIFESPAN_WAITING] = P(LIFESPAN_STOPPING),
	[LIFESPAN_STOPPING] = P(LIFESPAN_ENDED),
	[LIFESPAN_ENDED] = 0,
#undef P
};

static void set_phase(struct lifespan *l, enum lifespan_phase phase)
{
	assert(next_phases[l->phase] & (1 << phase));
	l->phase = phase;
}

int lifespan_new(struct site *site, struct weir_app *const *apps, size_t n_apps, unsigned max_tasks,
		 struct lifespan **ret_lifespan)
{
	struct lifespan *l = calloc(1, sizeof(*l) + n_apps * sizeof(struct weir_app *));

	if (!l)
		return -ENOMEM;
	l->site = site;
	l->max_tasks = max_tasks;
	l->n_apps = n_apps;
	for (size_t i = 0; i < n_apps; i++) {
		assert(!apps[i]->lifespan);
		apps[i]->lifespan = l;
		l->apps[i] = apps[i];
	}
	*ret_lifespan = l;
	return 0;
}

struct lifespan *lifespan_free(struct lifespan *l)
{
	if (!l)
		return NULL;
	assert(l->phase == LIFESPAN_NEW || l->phase == LIFESPAN_ENDED);
	for (size_t i = 0; i < l->n_apps; i++)
		l->apps[i]->lifespan = NULL;
	free(l);
	return NULL;
}

const char *lifespan_words(const struct lifespan *l)
{
	return l->words;
}

/* ---- steps */

static int run_startup(weir_req *req, void *arg)
{
	struct weir_app *app = arg;
	int r;

	app->req = req;
	r = app->def.startup(app);
	app->req = NULL;
	return r;
}

static int run_drain(weir_req *req, void *arg)
{
	struct weir_app *app = arg;

	app->req = req;
	app->def.drain(app);
	app->req = NULL;
	return 0;
}

static int run_shutdown(weir_req *req, void *arg)
{
	struct weir_app *app = arg;

	app->req = req;
	app->def.shutdown(app);
	app->req = NULL;
	return 0;
}

static int step_begin(struct lifespan *l, const char *what, weir_task_fn *fn,
		      void (*ended)(struct req *req, int result))
{
	struct weir_app *app = l->apps[l->next];
	int r;

	(void)snprintf(l->step_name, sizeof(l->step_name), "%s.%s", app->name, what);
	r = req_new_task(l->site, app, l->step_name, fn, app, ended, l, &l->step);
	if (r < 0)
		return r;
	r = req_start_task(l->step);
	if (r < 0)
		l->step = req_free_task(l->step);
	return r;
}

/* ---- startup */

static void wait_for_quiet(struct lifespan *l);
static void startup_step(struct lifespan *l);

static void say_why(struct lifespan *l, int error, weir_str why)
{
	const char *name = l->apps[l->next]->name;

	if (why.len > 0)
		(void)snprintf(l->words, sizeof(l->words), "module '%s' could not start: %.*s (%s)",
			       name, WEIR_ARG(why), str_error_name(error));
	else
		(void)snprintf(l->words, sizeof(l->words), "module '%s' could not start: %s", name,
			       str_error_name(error));
}

static void startup_failed(struct lifespan *l, int error)
{
	set_phase(l, LIFESPAN_FAILED);
	l->started(l->started_arg, error);
}

static void startup_ended(struct req *req, int result)
{
	struct lifespan *l = req->ended_arg;

	if (result < 0 && l->phase == LIFESPAN_STARTING)
		say_why(l, result, req->fail_words);
	l->apps[l->next]->is_started = result >= 0;
	l->step = req_free_task(req);

	if (l->phase == LIFESPAN_WAITING) {
		l->started(l->started_arg, -ECANCELED);
		wait_for_quiet(l);
		return;
	}
	if (result < 0) {
		startup_failed(l, result);
		return;
	}
	l->next++;
	startup_step(l);
}

/* The next module that has something to do; when there is none, all have started. */
static void startup_step(struct lifespan *l)
{
	int r;

	for (; l->next < l->n_apps; l->next++) {
		if (!l->apps[l->next]->def.startup) {
			l->apps[l->next]->is_started = true;
			continue;
		}
		r = step_begin(l, "startup", run_startup, startup_ended);
		if (r < 0) {
			say_why(l, r, (weir_str){ NULL, 0 });
			startup_failed(l, r);
		}
		return;
	}
	set_phase(l, LIFESPAN_RUNNING);
	l->started(l->started_arg, 0);
}

void lifespan_startup(struct lifespan *l, lifespan_done_fn *done, void *arg)
{
	set_phase(l, LIFESPAN_STARTING);
	l->started = done;
	l->started_arg = arg;
	l->next = 0;
	startup_step(l);
}

/* ---- drain */

static void drain_step(struct lifespan *l);

static void drain_ended(struct req *req, int result)
{
	struct lifespan *l = req->ended_arg;

	l->step = req_free_task(req);
	if (l->phase == LIFESPAN_WAITING) {
		wait_for_quiet(l);
		return;
	}
	l->next++;
	drain_step(l);
}

static void drain_step(struct lifespan *l)
{
	int r;

	for (; l->next < l->n_apps; l->next++) {
		if (!l->apps[l->next]->def.drain)
			continue;
		r = step_begin(l, "drain", run_drain, drain_ended);
		if (r == 0)
			return;
		log_write(l->site->log, LOG_AT_WARN, "%s was left out: %s", l->step_name,
			  str_error_name(r));
	}
}

void lifespan_drain(struct lifespan *l)
{
	set_phase(l, LIFESPAN_DRAINING);
	l->next = 0;
	drain_step(l);
}

/* ---- shutdown */

static void stop_step(struct lifespan *l);

static void stop_ended(struct req *req, int result)
{
	struct lifespan *l = req->ended_arg;

	l->step = req_free_task(req);
	stop_step(l);
}

static void stop_step(struct lifespan *l)
{
	int r;

	while (l->next > 0) {
		struct weir_app *app = l->apps[--l->next];

		if (!app->is_started || !app->def.shutdown)
			continue;
		app->is_started = false;
		r = step_begin(l, "shutdown", run_shutdown, stop_ended);
		if (r == 0)
			return;
		log_write(l->site->log, LOG_AT_WARN, "%s was left out: %s", l->step_name,
			  str_error_name(r));
	}
	set_phase(l, LIFESPAN_ENDED);
	l->stopped(l->stopped_arg, 0);
}

/* What was cancelled has ended: then the modules can go. */
static void wait_for_quiet(struct lifespan *l)
{
	if (l->step || l->n_tasks > 0)
		return;
	set_phase(l, LIFESPAN_STOPPING);
	l->next = l->n_apps;
	stop_step(l);
}

void lifespan_shutdown(struct lifespan *l, lifespan_done_fn *done, void *arg)
{
	set_phase(l, LIFESPAN_WAITING);
	l->stopped = done;
	l->stopped_arg = arg;
	if (l->step)
		task_cancel(l->step->task, REASON_SHUTDOWN);
	for (size_t i = 0; i < l->n_apps; i++) {
		list_for_each (link, &l->apps[i]->tasks) {
			const struct background *b = list_entry(link, struct background, link);

			task_cancel(b->req->task, REASON_SHUTDOWN);
		}
	}
	wait_for_quiet(l);
}

/* ---- background tasks */

static void background_free(struct background *b)
{
	struct lifespan *l = b->app->lifespan;

	list_del(&b->link);
	b->app->n_tasks--;
	l->n_tasks--;
	b->req = req_free_task(b->req);
	free(b);
}

/* Being cancelled is how they usually end; anything else that is an error somebody should know. */
static void background_ended(struct req *req, int result)
{
	struct background *b = req->ended_arg;
	struct lifespan *l = b->app->lifespan;
	bool is_error = result < 0 && (result != -ECANCELED || l->phase < LIFESPAN_WAITING);

	if (is_error)
		log_write(l->site->log, LOG_AT_ERROR, "%s ended: %s%s%.*s", b->name,
			  str_error_name(result), req->fail_words.len > 0 ? ": " : "",
			  WEIR_ARG(req->fail_words));
	background_free(b);
	if (l->phase == LIFESPAN_WAITING)
		wait_for_quiet(l);
}

int weir_app_spawn(weir_app *app, weir_task_fn *fn, void *arg)
{
	struct lifespan *l = app->lifespan;
	struct background *b;
	int r;

	if (!l || (l->phase != LIFESPAN_STARTING && l->phase != LIFESPAN_RUNNING &&
		   l->phase != LIFESPAN_DRAINING))
		return -ECANCELED;
	if (app->n_tasks >= l->max_tasks)
		return -EAGAIN;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;

	b->app = app;
	(void)snprintf(b->name, sizeof(b->name), "%s: background task", app->name);
	r = req_new_task(l->site, app, b->name, fn, arg, background_ended, b, &b->req);
	if (r < 0) {
		free(b);
		return r;
	}
	list_add_tail(&app->tasks, &b->link);
	app->n_tasks++;
	l->n_tasks++;
	r = req_start_task(b->req);
	if (r < 0)
		background_free(b);
	return r;
}

weir_req *weir_app_req(weir_app *app)
{
	return app->req;
}
