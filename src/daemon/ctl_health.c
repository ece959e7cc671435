/* ctl_health.c - see ctl_health.h. Answers are given as soon as they are asked for: nothing is waited for. */
#include "daemon/ctl_health.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

/* Who checks sends little, and seldom. */
#define MAX_HEAD ((size_t)8 * 1024)
#define MAX_FIELDS 50
#define MAX_CONNECTIONS 128
#define MEMORY ((size_t)8 * 1024 * 1024)
#define REQUEST_MEMORY ((size_t)64 * 1024)
#define HEADER_MS 5000
#define KEEP_ALIVE_MS 75000
#define BODY_MS 5000
/* Of reasons. */
#define MAX_WORDS ((size_t)4096)

static void answer(struct exchange *ex, int status, weir_str words)
{
	const weir_header fields[] = {
		{ WEIR_STR("cache-control"), WEIR_STR("no-store") },
		{ WEIR_STR("allow"), WEIR_STR("GET, HEAD") },
	};

	ex->is_logged = false;
	if (exchange_respond(ex, status, WEIR_STR("text/plain; charset=utf-8"), fields,
			     status == 405 ? 2 : 1, words) < 0)
		exchange_abort(ex);
	exchange_finish(ex);
}

static void answer_question(struct exchange *ex, enum health_question question)
{
	const struct ctl_health *health = ex->up_arg;
	struct buf words;

	buf_init(&words, MAX_WORDS);
	if (health_check(&health->view, question, clock_monotonic_us(), &words))
		answer(ex, 200, WEIR_STR("ok\n"));
	else
		answer(ex, 503, buf_str(&words));
	buf_done(&words);
}

static void on_start(struct exchange *ex)
{
	bool is_alive = weir_str_eq(ex->uri.path, WEIR_STR("/healthz"));
	bool is_ready = weir_str_eq(ex->uri.path, WEIR_STR("/readyz"));

	if (!is_alive && !is_ready)
		answer(ex, 404, WEIR_STR("here are /healthz and /readyz\n"));
	else if (ex->head.method_id != HTTP_METHOD_GET && ex->head.method_id != HTTP_METHOD_HEAD)
		answer(ex, 405, WEIR_STR("GET or HEAD\n"));
	else
		answer_question(ex, is_alive ? HEALTH_ALIVE : HEALTH_READY);
}

/* None of these can come: an exchange is over when start() returns. */
static void on_nothing(struct exchange *ex)
{
}

static const struct exchange_up up = { on_start, on_nothing, on_nothing, on_nothing };

int ctl_health_init(struct ctl_health *health, struct loop *loop, const struct log *log,
		    const struct listeners *listeners, const struct health_view *view)
{
	struct server_limits limits = {
		.head = { .max_head = MAX_HEAD, .max_target = MAX_HEAD, .max_fields = MAX_FIELDS },
		.request_memory = REQUEST_MEMORY,
		.high_water = MAX_HEAD,
		.memory_budget = MEMORY,
		.max_connections = MAX_CONNECTIONS,
		.header_ms = HEADER_MS,
		.keep_alive_ms = KEEP_ALIVE_MS,
		.pace = { .body_ms = BODY_MS, .send_ms = BODY_MS },
	};
	int r;

	health->view = *view;
	r = server_init(&health->server, loop, log, &limits);
	if (r < 0)
		return r;
	health->server.up = &up;
	health->server.up_arg = health;
	ports_init(&health->ports, loop, log, &health->server);
	r = ports_open(&health->ports, listeners, 0);
	if (r < 0)
		ctl_health_done(health);
	return r;
}

void ctl_health_done(struct ctl_health *health)
{
	ports_close(&health->ports);
	server_close_all(&health->server);
	loop_turn(health->server.loop, false); /* the reap step */
	server_done(&health->server);
}
