/* test_farewell.c - tunnels and streams without bytes, in virtual time. */
#include "daemon/farewell.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "app/site.h"
#include "base/log.h"
#include "serve/h1_tunnel.h"
#include "serve/server.h"
#include "serve/tunnel.h"

#define N 10

static struct world {
	struct loop *loop;
	struct log log;
	struct server server;
	struct site site;
	struct farewell farewell;
	struct h1_tunnel tunnels[N];
	unsigned n_told;
} w;

static void on_drain(struct tunnel *t)
{
	w.n_told++;
}

static const struct tunnel_up up = { .drain = on_drain };

static void make(void)
{
	const struct server_limits limits = { .head = { .max_fields = 10 } };

	log_init(&w.log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new_virtual(&w.loop), 0);
	cr_assert_eq(server_init(&w.server, w.loop, &w.log, &limits), 0);
	site_init(&w.site, w.loop, NULL, &w.log, NULL);
	for (int i = 0; i < N; i++) {
		w.tunnels[i].tunnel.up = &up;
		list_add_tail(&w.server.tunnels.open, &w.tunnels[i].link);
	}
	farewell_init(&w.farewell, w.loop, &w.server, &w.site);
}

static void unmake(void)
{
	farewell_end(&w.farewell);
	list_init(&w.server.tunnels.open);
	site_done(&w.site);
	server_done(&w.server);
	w.loop = loop_free(w.loop);
}

static void on_passed(struct timer *timer)
{
	loop_stop(w.loop);
}

static void pass(int64_t ms)
{
	struct timer passed;

	timer_init(&passed, on_passed);
	loop_timer_start(w.loop, &passed, loop_now_ms(w.loop) + ms);
	loop_run(w.loop);
}

TestSuite(farewell, .init = make, .fini = unmake);

Test(farewell, is_spread_over_its_time)
{
	farewell_begin(&w.farewell, 0, 1000);
	pass(500);
	cr_expect_geq(w.n_told, 4);
	cr_expect_leq(w.n_told, 7);
	pass(600);
	cr_expect_eq(w.n_told, N);
}

Test(farewell, sessions_may_stay_for_a_while)
{
	farewell_begin(&w.farewell, 1000, 100);
	pass(900);
	cr_expect_eq(w.n_told, 0);
	pass(300);
	cr_expect_eq(w.n_told, N);
}

Test(farewell, is_for_who_comes_late_too)
{
	struct h1_tunnel late = { .tunnel.up = &up };

	farewell_begin(&w.farewell, 0, 100);
	pass(300);
	list_add_tail(&w.server.tunnels.open, &late.link);
	pass(600);
	cr_expect_eq(w.n_told, N + 1);
}

Test(farewell, nobody_is_told_after_its_end)
{
	farewell_begin(&w.farewell, 0, 1000);
	pass(200);
	farewell_end(&w.farewell);
	w.n_told = 0;
	pass(2000);
	cr_expect_eq(w.n_told, 0);
}

Test(farewell, one_that_has_not_begun_may_end)
{
	struct farewell none = { 0 };

	farewell_end(&none);
	farewell_end(&w.farewell);
}
