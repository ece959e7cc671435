/*
 * suspends.c - a module for scripts/bench: handlers that wait.
 *
 *	/suspends	the hello that suspends once: a park and a wake more than examples/hello.c
 *	/crowd/N	N tasks that sleep until the client goes away; says so when they do
 */
#include <weir/weir.h>

#define MOST_TASKS 1000000
#define LONG_MS 3600000

static int suspend_then_answer(weir_req *req)
{
	int r;

	r = weir_yield();
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello, world\n"));
}

static int sleep_long(void *arg)
{
	(void)arg;
	return weir_sleep(LONG_MS);
}

/* Digits only, from 1 to MOST_TASKS; else 0. */
static int parse_count(weir_str text)
{
	int n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || n > MOST_TASKS)
			return 0;
		n = n * 10 + (text.ptr[i] - '0');
	}
	return n <= MOST_TASKS ? n : 0;
}

static int hold_crowd(weir_req *req)
{
	int n = parse_count(weir_param(req, "n"));
	int r;

	if (n == 0)
		return WEIR_STATUS(400);
	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;

	WEIR_GROUP(crowd, WEIR_ALL);
	for (int i = 0; i < n; i++) {
		if (!weir_spawn(crowd, sleep_long, NULL))
			break;
	}
	/* They run up to their sleep before this task has its next turn. */
	r = weir_yield();
	if (r < 0)
		return r;
	r = weir_write(req, WEIR_STR("asleep\n"));
	if (r < 0)
		return r;
	return weir_join(crowd);
}

WEIR_MODULE(.name = "suspends",
	    .handlers = WEIR_HANDLERS({ "suspends", suspend_then_answer, "GET", "/suspends", 0 },
				      { "crowd", hold_crowd, "GET", "/crowd/{n}", 0 }));
