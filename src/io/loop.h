#ifndef WEIR_IO_LOOP_H
#define WEIR_IO_LOOP_H
/*
 * loop.h - one libev loop, its clock, and what happens around each wait.
 *
 *	turn:	1. posts from other threads, expired timers
 *		2. the turn hook: tasks that are ready run
 *		3. what was deferred: busy things are freed here, and only here
 *		4. wait for events (not at all if the hook wants another turn)
 *
 * A virtual loop has a clock that stands still. When nothing else is to be
 * done it jumps to the next timer instead of waiting, so an hour of time-outs
 * is tested in a millisecond and always in the same order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"
#include "io/timers.h"

struct beat;
struct ev_loop;
struct loop;
struct ticks;

MUST_USE int loop_new(struct loop **ret_loop);
MUST_USE int loop_new_virtual(struct loop **ret_loop);
struct loop *loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop, loop_free)

/* For watchers: ev_io and the like. Borrowed. */
struct ev_loop *loop_ev(const struct loop *loop);

/* Milliseconds of a clock that never goes back, read once a turn. */
int64_t loop_now_ms(const struct loop *loop);
/* Reads the clock again, for whoever held the loop up for long. */
void loop_update_now(struct loop *loop);
bool loop_is_virtual(const struct loop *loop);

/* Turns until loop_stop(). A virtual loop with no timer, no watcher and nothing ready stops too. */
void loop_run(struct loop *loop);
/* One turn; waits for events only if may_wait. For tests. */
void loop_turn(struct loop *loop, bool may_wait);
void loop_stop(struct loop *loop);

/*
 * Runs once a turn; true asks for another turn without waiting. One hook a loop.
 * is_short: among the events of step 4: a few things, and nothing that can wait.
 */
typedef bool loop_turn_fn(void *arg, bool is_short);
void loop_set_turn(struct loop *loop, loop_turn_fn *fn, void *arg);

/*
 * For a watcher's callback: the hook now, for what it has just made ready, with
 * is_short. So the answer is written while what it answers is still in the
 * processor's cache, and not after all who speak at once have been read. Nothing
 * is freed meanwhile.
 */
void loop_run_ready(struct loop *loop);

/*
 * Has each turn tell when it begins and ends, from this one on, for a thread that
 * watches; NULL: no more, and the turn under way does not end. Not of a virtual loop.
 */
void loop_set_beat(struct loop *loop, struct beat *beat);

/*
 * Has each turn note when it was woken, for who measures how long what it found has waited. NULL:
 * no more.
 */
void loop_set_ticks(struct loop *loop, const struct ticks *ticks);
uint64_t loop_woken_ticks(const struct loop *loop);

/*
 * Has the timer started, for so much later, in each turn in which something happens and it is not
 * running: what fires then sees what has become of it, and a loop that has nothing to do is not
 * woken. One a loop; NULL: none.
 */
void loop_set_pulse(struct loop *loop, struct timer *timer, int64_t later_ms);

/* The turn does not wait, but looks: somebody has fed libev an event of its own. */
void loop_hurry(struct loop *loop);

/* A point in time, embedded in what it is for. See io/timers.h. */
void loop_timer_start(struct loop *loop, struct timer *timer, int64_t at_ms);
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* Called once, at step 3 of this turn: the place where what may be on the call stack is freed. */
struct loop_defer {
	struct list link;
	void (*run)(struct loop_defer *defer);
	/* While the one before it runs: what it will need may be fetched into the cache. NULL: nothing. */
	void (*fetch)(const struct loop_defer *defer);
};
void loop_defer_init(struct loop_defer *defer, void (*run)(struct loop_defer *defer));
/* Twice is once. */
void loop_defer(struct loop *loop, struct loop_defer *defer);
void loop_defer_cancel(struct loop_defer *defer);
static inline bool loop_is_deferred(const struct loop_defer *defer)
{
	return !list_is_empty(&defer->link);
}

/*
 * From any thread: run is called on the loop's thread. The post belongs to the
 * loop until then. The loop must not be freed before, nor while another
 * thread may still be inside loop_post(): join the thread first.
 */
struct loop_post {
	struct loop_post *next;
	void (*run)(struct loop_post *post);
};
void loop_post(struct loop *loop, struct loop_post *post);
/* Runs what has been posted, outside of a turn: for who closes what posts belong to. */
void loop_take_posts(struct loop *loop);
/* While held, a virtual loop waits for posts instead of jumping ahead or stopping. The loop's thread only. */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

#endif
