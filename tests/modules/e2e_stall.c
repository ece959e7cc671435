/*
 * e2e_stall.c - handlers that do what none should: they hold the loop, by
 * computing or by a system call, or crash, in functions whose names a
 * backtrace is expected to have.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

static int number(weir_req *req)
{
	char text[16] = "";
	weir_str ms = weir_param(req, "ms");

	memcpy(text, ms.ptr, ms.len < sizeof(text) - 1 ? ms.len : sizeof(text) - 1);
	return atoi(text);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* No call between two looks at the clock that is worth a mention. */
static __attribute__((noinline)) unsigned burn_now(int ms)
{
	int64_t until_ms = now_ms() + ms;
	volatile unsigned n = 0;

	while (now_ms() < until_ms) {
		for (unsigned i = 0; i < 1000000; i++)
			n = n * 31 + i;
	}
	return n;
}

static int burn(weir_req *req)
{
	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%u\n", burn_now(number(req))));
}

/* 0, or what was left when it was interrupted. */
static __attribute__((noinline)) int nap_now(int ms)
{
	struct timespec whole = { ms / 1000, ms % 1000 * 1000000L };
	int r;

	r = nanosleep(&whole, NULL);
	return r < 0 ? errno : 0;
}

static int nap(weir_req *req)
{
	int error = nap_now(number(req));

	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%s\n", error ? strerror(error) : "slept"));
}

/* In a task of its own, after the loop has turned. */
static int burn_later(void *arg)
{
	int r;

	r = weir_sleep(1);
	if (r < 0)
		return r;
	return burn_now(number(arg)) > 0 ? 0 : -EAGAIN;
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

WEIR_MODULE(.name = "e2e_stall",
	    .handlers = WEIR_HANDLERS({ "burn", burn, "GET", "/burn/{ms}", 0 },
				      { "nap", nap, "GET", "/nap/{ms}", 0 },
				      { "spawn", spawn, "GET", "/spawn/{ms}", 0 },
				      { "crash", crash, "GET", "/crash/{how}", 0 },
				      { "pid", show_pid, "GET", "/pid", 0 }));
