/* farewell.c - a part at a time, so that the last one is asked when the time is over. */
#include "daemon/farewell.h"

#include "app/site.h"
#include "base/macro.h"
#include "serve/server.h"

#define STEP_MS 50
/* When all were asked: for who has come meanwhile, by a request that was on its way. */
#define LATE_MS 500

/* One of so many parts is due; 0: none. */
static unsigned parts_left(int64_t now_ms, int64_t from_ms, int64_t until_ms)
{
	if (now_ms < from_ms)
		return 0;
	return until_ms > now_ms ? (unsigned)((until_ms - now_ms) / STEP_MS) + 1 : 1;
}

static void on_step(struct timer *timer)
{
	struct farewell *f = container_of(timer, struct farewell, timer);
	int64_t now_ms = loop_now_ms(f->loop), step_ms = STEP_MS;
	unsigned n;

	n = parts_left(now_ms, 0, f->streams_until_ms);
	site_drain_part(f->site, n);
	n = parts_left(now_ms, f->sessions_from_ms, f->sessions_until_ms);
	if (n > 0)
		h1_tunnel_drain_part(&f->server->tunnels, n);
	if (now_ms >= f->streams_until_ms && now_ms >= f->sessions_until_ms)
		step_ms = LATE_MS;
	loop_timer_start(f->loop, &f->timer, now_ms + step_ms);
}

void farewell_init(struct farewell *f, struct loop *loop, struct server *server, struct site *site)
{
	*f = (struct farewell){ .loop = loop, .server = server, .site = site };
	timer_init(&f->timer, on_step);
}

void farewell_begin(struct farewell *f, int64_t grace_ms, int64_t spread_ms)
{
	int64_t now_ms = loop_now_ms(f->loop);

	f->streams_until_ms = now_ms + spread_ms;
	f->sessions_from_ms = now_ms + grace_ms;
	f->sessions_until_ms = f->sessions_from_ms + spread_ms;
	loop_timer_start(f->loop, &f->timer, now_ms);
}

void farewell_end(struct farewell *f)
{
	if (f->loop)
		loop_timer_stop(f->loop, &f->timer);
}
