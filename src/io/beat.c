/*
 * beat.c - see beat.h. The bell is a futex. That no turn goes unheard: who
 * listens says so first and looks for a turn then; the loop counts its turn
 * first and looks for listeners then.
 */
#include "io/beat.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"

/* Until the bell is not as it was, or the time has come; NULL: no time. It may also end early. */
static void futex_wait(struct beat *beat, uint32_t was, const struct timespec *until)
{
	(void)syscall(SYS_futex, &beat->bell, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, was, until,
		      NULL, FUTEX_BITSET_MATCH_ANY);
}

static void futex_wake(struct beat *beat)
{
	(void)syscall(SYS_futex, &beat->bell, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL,
		      0);
}

void beat_init(struct beat *beat, struct histogram *turns)
{
	atomic_init(&beat->n, 0);
	atomic_init(&beat->bell, BEAT_AWAKE);
	atomic_init(&beat->began_us, 0);
	atomic_init(&beat->ended_us, 0);
	beat->turns = turns;
}

COLD void beat_ring(struct beat *beat)
{
	uint32_t listened = BEAT_LISTENED;

	if (atomic_compare_exchange_strong(&beat->bell, &listened, BEAT_AWAKE))
		futex_wake(beat);
}

bool beat_read(struct beat *beat, struct beat_turn *ret_turn)
{
	uint32_t n = atomic_load(&beat->n);

	while (n % 2 == 1) {
		int64_t began_us = atomic_load(&beat->began_us);
		uint32_t after = atomic_load(&beat->n);

		if (after == n) {
			*ret_turn = (struct beat_turn){ .n = n, .began_us = began_us };
			return true;
		}
		n = after;
	}
	return false;
}

bool beat_is_in(struct beat *beat, const struct beat_turn *turn, int64_t *ret_ended_us)
{
	uint32_t n = atomic_load(&beat->n);

	if (n == turn->n)
		return true;
	*ret_ended_us = atomic_load(&beat->ended_us);
	/* Of another one, if the loop has gone on, or goes on while it is read. */
	if (n != turn->n + 1 || atomic_load(&beat->n) != n)
		*ret_ended_us = 0;
	return false;
}

void beat_listen(struct beat *beat)
{
	uint32_t awake = BEAT_AWAKE;

	if (!atomic_compare_exchange_strong(&beat->bell, &awake, BEAT_LISTENED))
		return;
	while (atomic_load(&beat->n) % 2 == 0 && atomic_load(&beat->bell) == BEAT_LISTENED)
		futex_wait(beat, BEAT_LISTENED, NULL);
	/* A turn has begun, whether or not it has rung; or there is no more to listen to. */
	awake = BEAT_LISTENED;
	(void)atomic_compare_exchange_strong(&beat->bell, &awake, BEAT_AWAKE);
}

void beat_sleep(struct beat *beat, int64_t until_us)
{
	struct timespec until = { .tv_sec = until_us / 1000000,
				  .tv_nsec = until_us % 1000000 * 1000 };

	futex_wait(beat, BEAT_AWAKE, &until);
}

bool beat_is_stopped(struct beat *beat)
{
	return atomic_load(&beat->bell) == BEAT_STOPPED;
}

void beat_stop(struct beat *beat)
{
	atomic_store(&beat->bell, BEAT_STOPPED);
	futex_wake(beat);
}
