/* test_ws_policy.c - what sessions of a route, and of a worker, have in common. */
#include "serve/ws_policy.h"

#include <criterion/criterion.h>

#include "oom.h"
#include "ws_world.h"

Test(ws_policy, counts_sessions)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_client *a, *b;
	struct ws_world world;

	ws_world_init(&world, &limits, 0);
	a = client_new(&world, NULL);
	b = client_new(&world, NULL);
	cr_assert_eq(world.shared.n_open, 2);
	client_free(a);
	cr_assert_eq(world.shared.n_open, 1);
	cr_assert_eq(world.shared.n_opened, 2);
	client_free(b);
	ws_world_done(&world);
}

/* A route's times are its own. */
Test(ws_policy, routes_have_their_own_times)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_client *hasty, *calm;
	struct ws_policy second;
	struct ws_world world;

	limits.idle_ms = 1000;
	ws_world_init(&world, &limits, 0);
	limits.idle_ms = 3000;
	ws_policy_init(&second, &world.shared, "second", &limits);
	hasty = client_new(&world, NULL);
	calm = client_new(&world, NULL);
	/* As if it had been opened there. */
	timeouts_stop(&calm->session->spans->idle);
	calm->session->policy = &second;
	ws_session_note_message(calm->session);
	ws_world_pass(&world, 1000);
	cr_assert_str_eq(client_hears(hasty), "close:1001:idle");
	cr_assert_str_eq(client_hears(calm), "");
	ws_world_pass(&world, 2000);
	cr_assert_str_eq(client_hears(calm), "close:1001:idle");
	client_free(hasty);
	client_free(calm);
	ws_policy_done(&second);
	ws_world_done(&world);
}

Test(ws_policy, no_times_at_all)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_client *client;
	struct ws_world world;

	ws_world_init(&world, &limits, 0);
	client = client_new(&world, NULL);
	ws_session_close(client->session, 1000, WEIR_STR(""));
	ws_world_pass(&world, (int64_t)1000 * 86400);
	cr_assert_eq(client->n_over, 0);
	cr_assert_str_eq(client_hears(client), "close:1000:");
	client_free(client);
	ws_world_done(&world);
}

Test(ws_policy, starts_without_memory)
{
	struct block_pool blocks;
	struct loop *loop;
	bool has_failed = true;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	block_pool_init(&blocks, 1);
	for (unsigned n = 1; has_failed; n++) {
		struct ws_shared shared;
		int r;

		oom_fail_at(n);
		r = ws_policy_init_shared(&shared, loop, NULL, &blocks, 0);
		has_failed = oom_has_failed();
		if (r == 0)
			ws_policy_done_shared(&shared);
		cr_assert(r == 0 || has_failed);
	}
	block_pool_done(&blocks);
	loop_free(loop);
}
