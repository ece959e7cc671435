#include "io/beat.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "base/clock.h"

static struct beat beat;
static struct beat_turn turn;
static int64_t ended_us;

Test(beat, shows_a_turn_from_its_beginning_to_its_end)
{
	beat_init(&beat, NULL);
	cr_assert_not(beat_read(&beat, &turn));
	beat_begin(&beat, 1000);
	cr_assert(beat_read(&beat, &turn));
	cr_assert_eq(turn.began_us, 1000);
	cr_assert(beat_is_in(&beat, &turn, &ended_us));
	beat_end(&beat, 1500);
	cr_assert_not(beat_read(&beat, &turn));
	cr_assert_not(beat_is_in(&beat, &turn, &ended_us));
	cr_assert_eq(ended_us, 1500);
}

Test(beat, does_not_take_the_next_turn_for_the_same)
{
	beat_init(&beat, NULL);
	beat_begin(&beat, 1000);
	cr_assert(beat_read(&beat, &turn));
	beat_end(&beat, 1500);
	beat_begin(&beat, 2000);
	cr_assert_not(beat_is_in(&beat, &turn, &ended_us));
	cr_assert(beat_read(&beat, &turn));
	cr_assert_eq(turn.began_us, 2000);
}

Test(beat, does_not_know_when_a_turn_ended_that_others_have_followed)
{
	beat_init(&beat, NULL);
	beat_begin(&beat, 1000);
	cr_assert(beat_read(&beat, &turn));
	beat_end(&beat, 1500);
	beat_begin(&beat, 2000);
	beat_end(&beat, 2500);
	cr_assert_not(beat_is_in(&beat, &turn, &ended_us));
	cr_assert_eq(ended_us, 0);
}

Test(beat, counts_how_long_turns_took)
{
	struct histogram turns = { 0 };

	beat_init(&beat, &turns);
	beat_begin(&beat, 1000);
	beat_end(&beat, 1500);
	beat_begin(&beat, 2000);
	beat_end(&beat, 5000);
	cr_assert_eq(turns.n, 2);
	cr_assert_eq(turns.sum_us, 3500);
}

Test(beat, begins_and_ends_a_turn_once)
{
	struct histogram turns = { 0 };

	beat_init(&beat, &turns);
	beat_end(&beat, 500);
	cr_assert_not(beat_read(&beat, &turn));
	beat_begin(&beat, 1000);
	beat_begin(&beat, 1200);
	cr_assert(beat_read(&beat, &turn));
	cr_assert_eq(turn.began_us, 1000);
	beat_end(&beat, 1500);
	beat_end(&beat, 1600);
	cr_assert_not(beat_read(&beat, &turn));
	cr_assert_eq(turns.n, 1);
}

Test(beat, does_not_sleep_when_a_turn_is_under_way)
{
	beat_init(&beat, NULL);
	beat_begin(&beat, 1000);
	beat_listen(&beat);
	cr_assert_not(beat_is_stopped(&beat));
}

static void *listen_to_one(void *arg)
{
	beat_listen(&beat);
	return beat_read(&beat, &turn) ? &turn : NULL;
}

Test(beat, wakes_who_listens_when_a_turn_begins)
{
	pthread_t thread;
	void *heard;

	beat_init(&beat, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, listen_to_one, NULL), 0);
	while (atomic_load(&beat.bell) != BEAT_LISTENED)
		;
	beat_begin(&beat, 1000);
	cr_assert_eq(pthread_join(thread, &heard), 0);
	cr_assert_eq(heard, &turn);
	cr_assert_eq(turn.began_us, 1000);
}

Test(beat, stops_who_listens_and_who_sleeps)
{
	pthread_t thread;

	beat_init(&beat, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, listen_to_one, NULL), 0);
	while (atomic_load(&beat.bell) != BEAT_LISTENED)
		;
	beat_stop(&beat);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert(beat_is_stopped(&beat));
	beat_sleep(&beat, INT64_MAX / 2);
	beat_listen(&beat);
}

Test(beat, sleeps_until_the_time_has_come)
{
	int64_t until_us = clock_monotonic_us() + 3000;

	beat_init(&beat, NULL);
	while (clock_monotonic_us() < until_us)
		beat_sleep(&beat, until_us);
	cr_assert_geq(clock_monotonic_us(), until_us);
}

/* ---- many turns, each of which goes on until it was heard: one that goes unheard hangs it */

#define TURNS 2000

static _Atomic unsigned asked, heard;

static void *watch_all(void *arg)
{
	for (unsigned i = 1; i <= TURNS; i++) {
		struct beat_turn now;
		int64_t at_us = 0;

		atomic_store(&asked, i);
		beat_listen(&beat);
		if (!beat_read(&beat, &now) || now.began_us != i ||
		    !beat_is_in(&beat, &now, &at_us))
			return NULL;
		atomic_store(&heard, i);
		while (beat_is_in(&beat, &now, &at_us))
			(void)sched_yield();
		if (at_us != i + 1)
			return NULL;
	}
	return &beat;
}

Test(beat, has_every_turn_heard)
{
	struct histogram turns = { 0 };
	pthread_t thread;
	void *has_all;

	beat_init(&beat, &turns);
	cr_assert_eq(pthread_create(&thread, NULL, watch_all, NULL), 0);
	for (unsigned i = 1; i <= TURNS; i++) {
		while (atomic_load(&asked) != i)
			(void)sched_yield();
		beat_begin(&beat, i);
		while (atomic_load(&heard) != i)
			(void)sched_yield();
		beat_end(&beat, i + 1);
	}
	cr_assert_eq(pthread_join(thread, &has_all), 0);
	cr_assert_eq(has_all, &beat);
	cr_assert_eq(turns.n, TURNS);
}
