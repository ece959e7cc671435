/*
 * state.c - what a module keeps between requests, and work that no request
 * owns.
 *
 *	curl http://127.0.0.1:8000/state
 *
 * startup() runs in each worker before it accepts the first connection,
 * shutdown() after the last request; requests find what startup() left in
 * req->state. Workers are processes: each has a counter of its own. A worker is
 * one thread, and between two suspending calls no other task of it runs, so
 * the counters need no lock.
 *
 * Settings come from the module's section of the configuration:
 *
 *	modules:
 *	  - path: state.so
 *	    settings: {step: "5"}
 */
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

struct counters {
	long step;
	long ticks;    /* bumped by the background task */
	long requests; /* bumped by the handler */
};

/* Ends by being cancelled, just before shutdown(): weir_sleep() says so. */
static int count_seconds(weir_req *req, void *arg)
{
	struct counters *c = arg;
	int r;

	while ((r = weir_sleep(1000)) >= 0)
		c->ticks += c->step;
	return r;
}

static int begin(weir_app *app)
{
	weir_req *req = weir_app_req(app);
	struct counters *c;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->step = strtol(weir_app_setting(app, "step", "1"), NULL, 10);
	if (c->step < 1 || c->step > 1000) {
		free(c);
		return weir_fail(req, -EINVAL, "step must be 1 to 1000"); /* ends the daemon */
	}
	r = weir_app_spawn(app, count_seconds, c);
	if (r < 0) {
		free(c);
		return r;
	}
	weir_app_set_state(app, c);
	weir_log(req, WEIR_LOG_INFO, "counting from zero by %ld", c->step);
	return 0;
}

static void finish(weir_app *app)
{
	struct counters *c = weir_app_state(app);

	weir_log(weir_app_req(app), WEIR_LOG_INFO, "%ld ticks, %ld requests", c->ticks,
		 c->requests);
	free(c);
}

static int show(weir_req *req)
{
	struct counters *c = req->state;

	c->requests++;
	return weir_respond(req, 200, "application/json",
			    weir_printf(req, "{\"worker\":%d,\"ticks\":%ld,\"requests\":%ld}\n",
					(int)getpid(), c->ticks, c->requests));
}

WEIR_MODULE(.name = "state", .startup = begin, .shutdown = finish,
	    .handlers = WEIR_HANDLERS({ "show", show, "GET", "/state", 0 }));
