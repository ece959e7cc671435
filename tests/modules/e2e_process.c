/*
 * e2e_process.c - handlers whose process matters: they say which one it is,
 * keep it busy, block it, or end it. Who has to wait does so until a file
 * appears, so that a test decides what happens before what, even when the
 * daemon takes no more connections.
 *
 *	settings:
 *	  dir: /tmp/x	where those files are
 *	  startup: fail | abort | wait
 *	  shutdown: hang
 *	  doomed: FILE	startup aborts while it is there
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#define PATH_LEN 512

static bool setting_is(const weir_app *app, const char *key, const char *value)
{
	return strcmp(weir_app_setting(app, key, ""), value) == 0;
}

static void block_a_moment(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 5 * 1000 * 1000 }, NULL);
}

/* ---- the module's life */

static int begin(weir_app *app)
{
	const char *doomed = weir_app_setting(app, "doomed", "");
	char *dir;

	if (setting_is(app, "startup", "fail"))
		return weir_fail(weir_app_req(app), -EINVAL, "the stars are wrong");
	if (setting_is(app, "startup", "abort") || (*doomed && access(doomed, F_OK) == 0))
		abort();
	if (setting_is(app, "startup", "wait")) {
		weir_log(weir_app_req(app), WEIR_LOG_INFO, "waits");
		return weir_sleep(60 * 1000);
	}
	dir = strdup(weir_app_setting(app, "dir", "/nowhere"));
	if (!dir)
		return -ENOMEM;
	weir_app_set_state(app, dir);
	weir_log(weir_app_req(app), WEIR_LOG_INFO, "begins");
	return 0;
}

static void say_goodbye(weir_app *app)
{
	weir_log(weir_app_req(app), WEIR_LOG_INFO, "says goodbye");
}

static void finish(weir_app *app)
{
	weir_log(weir_app_req(app), WEIR_LOG_INFO, "shuts down");
	while (setting_is(app, "shutdown", "hang"))
		block_a_moment();
	free(weir_app_state(app));
}

/* ---- handlers */

static int show_pid(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%d\n", (int)getpid()));
}

static bool has_come(const weir_req *req, weir_str name)
{
	char path[PATH_LEN];

	(void)snprintf(path, sizeof(path), "%s/%.*s", (const char *)req->state, WEIR_ARG(name));
	return access(path, F_OK) == 0;
}

static int answer(weir_req *req, weir_str name)
{
	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%.*s has come\n", WEIR_ARG(name)));
}

static int until(weir_req *req)
{
	weir_str name = weir_param(req, "name");
	int r;

	weir_log(req, WEIR_LOG_INFO, "waits for %.*s", WEIR_ARG(name));
	while (!has_come(req, name)) {
		r = weir_sleep(5);
		if (r < 0) {
			weir_log(req, WEIR_LOG_INFO, "was cancelled, reason %d, waiting for %.*s",
				 (int)weir_cancel_reason(), WEIR_ARG(name));
			return r;
		}
	}
	return answer(req, name);
}

/* Half of the answer before, half after. */
static int half(weir_req *req)
{
	weir_str name = weir_param(req, "name");
	int r;

	r = weir_start(req, 200, "text/plain");
	if (r >= 0)
		r = weir_write(req, WEIR_STR("first half\n"));
	while (r >= 0 && !has_come(req, name))
		r = weir_sleep(5);
	return r < 0 ? r : weir_write(req, WEIR_STR("second half\n"));
}

/* Hears that it is cancelled, and goes on. */
static int stubborn(weir_req *req)
{
	weir_str name = weir_param(req, "name");

	weir_log(req, WEIR_LOG_INFO, "is stubborn");
	while (!has_come(req, name)) {
		if (weir_sleep(5) < 0)
			continue;
	}
	return answer(req, name);
}

/* Blocks the thread: what no handler should do. */
static int stuck(weir_req *req)
{
	weir_str name = weir_param(req, "name");

	weir_log(req, WEIR_LOG_INFO, "is stuck");
	while (!has_come(req, name))
		block_a_moment();
	return answer(req, name);
}

/* Far deeper than any stack. */
static int overflow(int depth)
{
	volatile char here[256];

	here[0] = (char)depth;
	return depth > 0 ? overflow(depth - 1) + here[0] : 0;
}

static int crash(weir_req *req)
{
	weir_str how = weir_param(req, "how");
	volatile uintptr_t nowhere = 8;

	weir_log(req, WEIR_LOG_INFO, "crashes: %.*s", WEIR_ARG(how));
	if (weir_str_eq(how, WEIR_STR("abort")))
		abort();
	if (weir_str_eq(how, WEIR_STR("exit")))
		_exit(42);
	if (weir_str_eq(how, WEIR_STR("overflow")))
		return overflow(100 * 1000 * 1000);
	if (weir_str_eq(how, WEIR_STR("kill")))
		(void)raise(SIGKILL);
	*(volatile int *)nowhere = 1;
	return 0;
}

WEIR_MODULE(.name = "e2e_process", .startup = begin, .shutdown = finish,
	    .handlers = WEIR_HANDLERS({ "pid", show_pid, "GET", "/pid", 0 },
				      { "until", until, "GET", "/until/{name}", 0 },
				      { "half", half, "GET", "/half/{name}", 0 },
				      { "stubborn", stubborn, "GET", "/stubborn/{name}", 0 },
				      { "stuck", stuck, "GET", "/stuck/{name}", 0 },
				      { "crash", crash, "GET", "/crash/{how}", 0 }),
	    .drain = say_goodbye);
