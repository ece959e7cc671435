/* test_timeouts.c - all in virtual time. */
#include "io/timeouts.h"

#include <criterion/criterion.h>

#define AFTER_MS 5000

struct thing {
	struct timeout timeout;
	int64_t expired_at_ms; /* 0: not yet */
	struct world *world;
	struct thing *stops, *touches; /* what it does to others when it expires */
};

struct world {
	struct loop *loop;
	struct timeouts timeouts;
	struct thing things[3];
	int n_expired;
};

static void on_expire(struct timeout *timeout)
{
	struct thing *thing = container_of(timeout, struct thing, timeout);
	struct world *world = thing->world;

	cr_assert(!timeout_is_active(timeout));
	thing->expired_at_ms = loop_now_ms(world->loop);
	world->n_expired++;
	if (thing->stops)
		timeouts_stop(&thing->stops->timeout);
	if (thing->touches)
		timeouts_touch(&world->timeouts, &thing->touches->timeout);
}

static void world_init(struct world *world, int64_t after_ms)
{
	*world = (struct world){ 0 };
	cr_assert_eq(loop_new_virtual(&world->loop), 0);
	timeouts_init(&world->timeouts, world->loop, after_ms, on_expire);
	for (int i = 0; i < 3; i++) {
		timeout_init(&world->things[i].timeout);
		world->things[i].world = world;
	}
}

static void world_done(struct world *world)
{
	timeouts_done(&world->timeouts);
	loop_free(world->loop);
}

static void touch(struct world *world, int i)
{
	timeouts_touch(&world->timeouts, &world->things[i].timeout);
}

static void on_nothing(struct timer *timer)
{
}

/* Moves the clock on by so much, and no further. */
static void pass(struct world *world, int64_t ms)
{
	int64_t until_ms = loop_now_ms(world->loop) + ms;
	struct timer timer;

	timer_init(&timer, on_nothing);
	loop_timer_start(world->loop, &timer, until_ms);
	while (loop_now_ms(world->loop) < until_ms)
		loop_turn(world->loop, true);
	/* What is due fires; the clock does not jump on to what comes next. */
	loop_turn(world->loop, false);
}

Test(timeouts, expires_after_its_time_and_not_before)
{
	struct world world;
	int64_t start_ms;

	world_init(&world, AFTER_MS);
	start_ms = loop_now_ms(world.loop);
	touch(&world, 0);
	pass(&world, AFTER_MS - 1);
	cr_assert_eq(world.n_expired, 0);
	pass(&world, 1);
	cr_assert_eq(world.things[0].expired_at_ms, start_ms + AFTER_MS);
	world_done(&world);
}

Test(timeouts, a_touch_starts_the_time_anew)
{
	struct world world;
	int64_t start_ms;

	world_init(&world, AFTER_MS);
	start_ms = loop_now_ms(world.loop);
	touch(&world, 0);
	for (int i = 0; i < 10; i++) {
		pass(&world, AFTER_MS - 10);
		touch(&world, 0);
	}
	cr_assert_eq(world.n_expired, 0);
	pass(&world, AFTER_MS);
	cr_assert_eq(world.things[0].expired_at_ms, start_ms + 11 * AFTER_MS - 100);
	world_done(&world);
}

Test(timeouts, a_touch_does_not_move_the_timer)
{
	struct world world;
	int64_t armed_ms;

	world_init(&world, AFTER_MS);
	touch(&world, 0);
	armed_ms = world.timeouts.timer.at_ms;
	pass(&world, 100);
	touch(&world, 0);
	touch(&world, 1);
	cr_assert_eq(world.timeouts.timer.at_ms, armed_ms);
	world_done(&world);
}

Test(timeouts, each_expires_at_its_own_point)
{
	struct world world;
	int64_t start_ms;

	world_init(&world, AFTER_MS);
	start_ms = loop_now_ms(world.loop);
	touch(&world, 0);
	pass(&world, 100);
	touch(&world, 1);
	pass(&world, 100);
	touch(&world, 2);
	touch(&world, 0);
	pass(&world, AFTER_MS);
	cr_assert_eq(world.things[1].expired_at_ms, start_ms + 100 + AFTER_MS);
	cr_assert_eq(world.things[2].expired_at_ms, start_ms + 200 + AFTER_MS);
	cr_assert_eq(world.things[0].expired_at_ms, start_ms + 200 + AFTER_MS);
	world_done(&world);
}

Test(timeouts, what_is_stopped_never_expires)
{
	struct world world;

	world_init(&world, AFTER_MS);
	touch(&world, 0);
	touch(&world, 1);
	timeouts_stop(&world.things[0].timeout);
	timeouts_stop(&world.things[0].timeout);
	pass(&world, 10 * AFTER_MS);
	cr_assert_eq(world.things[0].expired_at_ms, 0);
	cr_assert_eq(world.n_expired, 1);
	world_done(&world);
}

Test(timeouts, a_stopped_one_starts_again)
{
	struct world world;

	world_init(&world, AFTER_MS);
	touch(&world, 0);
	timeouts_stop(&world.things[0].timeout);
	pass(&world, 3 * AFTER_MS);
	touch(&world, 0);
	pass(&world, AFTER_MS);
	cr_assert_eq(world.n_expired, 1);
	world_done(&world);
}

Test(timeouts, zero_is_never)
{
	struct world world;

	world_init(&world, 0);
	touch(&world, 0);
	cr_assert(!timeout_is_active(&world.things[0].timeout));
	pass(&world, 1000000000);
	cr_assert_eq(world.n_expired, 0);
	world_done(&world);
}

/* It would else expire in the list it was in before, for something that is over. */
Test(timeouts, touching_for_never_takes_it_from_another_list)
{
	struct timeouts never;
	struct world world;

	world_init(&world, AFTER_MS);
	timeouts_init(&never, world.loop, 0, NULL);
	touch(&world, 0);
	timeouts_touch(&never, &world.things[0].timeout);
	cr_assert(!timeout_is_active(&world.things[0].timeout));
	pass(&world, 2 * AFTER_MS);
	cr_assert_eq(world.n_expired, 0);
	timeouts_done(&never);
	world_done(&world);
}

Test(timeouts, expiring_one_may_stop_the_next)
{
	struct world world;

	world_init(&world, AFTER_MS);
	world.things[0].stops = &world.things[1];
	touch(&world, 0);
	touch(&world, 1);
	touch(&world, 2);
	pass(&world, AFTER_MS);
	cr_assert_eq(world.n_expired, 2);
	cr_assert_eq(world.things[1].expired_at_ms, 0);
	world_done(&world);
}

Test(timeouts, expiring_one_may_touch_itself)
{
	struct world world;

	world_init(&world, AFTER_MS);
	world.things[0].touches = &world.things[0];
	touch(&world, 0);
	pass(&world, 3 * AFTER_MS);
	cr_assert_eq(world.n_expired, 3);
	world_done(&world);
}

Test(timeouts, done_forgets_what_is_left)
{
	struct world world;

	world_init(&world, AFTER_MS);
	touch(&world, 0);
	timeouts_done(&world.timeouts);
	cr_assert(!timeout_is_active(&world.things[0].timeout));
	pass(&world, 2 * AFTER_MS);
	cr_assert_eq(world.n_expired, 0);
	world_done(&world);
}

Test(timeouts, one_that_has_moved_expires_when_it_would_have)
{
	struct world world;
	int64_t start_ms;

	world_init(&world, AFTER_MS);
	start_ms = loop_now_ms(world.loop);
	touch(&world, 0);
	timeout_move(&world.things[1].timeout, &world.things[0].timeout);
	timeout_move(&world.things[0].timeout, &world.things[2].timeout);
	cr_assert(!timeout_is_active(&world.things[0].timeout));
	loop_run(world.loop);
	cr_assert_eq(world.n_expired, 1);
	cr_assert_eq(world.things[1].expired_at_ms, start_ms + AFTER_MS);
	world_done(&world);
}

Test(timeouts, who_was_touched_a_moment_ago_is_fresh)
{
	struct world world;
	struct timeout *timeout = &world.things[0].timeout;

	world_init(&world, 6400);
	cr_assert_not(timeouts_is_fresh(&world.timeouts, timeout), "it was never started");
	touch(&world, 0);
	cr_assert(timeouts_is_fresh(&world.timeouts, timeout));
	pass(&world, 99);
	cr_assert(timeouts_is_fresh(&world.timeouts, timeout));
	pass(&world, 1);
	cr_assert_not(timeouts_is_fresh(&world.timeouts, timeout));
	touch(&world, 0);
	cr_assert(timeouts_is_fresh(&world.timeouts, timeout));
	timeouts_stop(timeout);
	cr_assert_not(timeouts_is_fresh(&world.timeouts, timeout));
	world_done(&world);
}
