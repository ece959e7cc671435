/*
 * e2e_stall.c - handlers that do what none should: they hold the loop, by
 * computing or by a system call, or crash, in functions whose names a
 * backtrace is expected to have. With a name in the path they hold it until
 * that file is there, so that a test decides what happens before what.
 *
 *	settings:
 *	  dir: /tmp/x	where those files are
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#define PATH_LEN 512

/* For so long, and until this file is there; "": no file. */
struct term {
	int ms;
	char path[PATH_LEN];
};

static int begin(weir_app *app)
{
	char *dir = strdup(weir_app_setting(app, "dir", "/nowhere"));

	if (!dir)
		return -ENOMEM;
	weir_app_set_state(app, dir);
	return 0;
}

static void finish(weir_app *app)
{
	free(weir_app_state(app));
}

static struct term term_of(weir_req *req)
{
	weir_str ms = weir_param(req, "ms"), name = weir_param(req, "name");
	struct term term = { 0 };
	char text[16] = "";

	memcpy(text, ms.ptr, ms.len < sizeof(text) - 1 ? ms.len : sizeof(text) - 1);
	term.ms = atoi(text);
	if (name.len > 0)
		(void)snprintf(term.path, sizeof(term.path), "%s/%.*s", (const char *)req->state,
			       WEIR_ARG(name));
	return term;
}

static bool is_there(const struct term *term)
{
	return !*term->path || access(term->path, F_OK) == 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* No call between two looks at the clock that is worth a mention. */
static __attribute__((noinline)) unsigned burn_now(const struct term *term)
{
	int64_t until_ms = now_ms() + term->ms;
	volatile unsigned n = 0;

	while (now_ms() < until_ms || !is_there(term)) {
		for (unsigned i = 0; i < 1000000; i++)
			n = n * 31 + i;
	}
	return n;
}

static int burn(weir_req *req)
{
	struct term term = term_of(req);

	return weir_respond(req, 200, "text/plain", weir_printf(req, "%u\n", burn_now(&term)));
}

/* 0, or why it was interrupted. */
static __attribute__((noinline)) int nap_now(const struct term *term)
{
	struct timespec whole = { term->ms / 1000, term->ms % 1000 * 1000000L };
	int r;

	do
		r = nanosleep(&whole, NULL);
	while (r == 0 && !is_there(term));
	return r < 0 ? errno : 0;
}

static int nap(weir_req *req)
{
	struct term term = term_of(req);
	int error = nap_now(&term);

	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%s\n", error ? strerror(error) : "slept"));
}

/* In a task of its own, after the loop has turned. */
static int burn_later(void *arg)
{
	struct term term = term_of(arg);
	int r;

	r = weir_sleep(1);
	if (r < 0)
		return r;
	(void)burn_now(&term);
	return 0;
}

static int spawn(weir_req *req)
{
	int r;

	WEIR_GROUP(group, WEIR_ALL);
	(void)weir_spawn(group, burn_later, req);
	r = weir_join(group);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", WEIR_STR("burnt\n"));
}

static __attribute__((noinline)) void crash_now(weir_str how)
{
	volatile uintptr_t nowhere = 8;

	if (weir_str_eq(how, WEIR_STR("assert")))
		assert(!*how.ptr);
	*(volatile int *)nowhere = 1; /* the line that the backtrace names */
}

static int crash(weir_req *req)
{
	crash_now(weir_param(req, "how"));
	return 0;
}

static int show_pid(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%d\n", (int)getpid()));
}

WEIR_MODULE(.name = "e2e_stall", .startup = begin, .shutdown = finish,
	    .handlers = WEIR_HANDLERS({ "burn", burn, "GET", "/burn/{ms}", 0 },
				      { "nap", nap, "GET", "/nap/{ms}", 0 },
				      { "spawn", spawn, "GET", "/spawn/{ms}", 0 },
				      { "crash", crash, "GET", "/crash/{how}", 0 },
				      { "pid", show_pid, "GET", "/pid", 0 }));
