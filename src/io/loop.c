/*
 * loop.c - a turn of the loop, around ev_run(EVRUN_ONCE). libev waits for
 * descriptors and other threads; points in time are ours (io/timers), because
 * libev's cannot be stopped and moved by hand, as tests need.
 *
 * The hard thing is when a virtual clock may jump: only if the last look at
 * the descriptors found nothing, no task is ready, and nobody outside (another
 * thread) is known to be about to post.
 */
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ticks.h"
#include "io/beat.h"

/* What embeds one, and is touched with it, lies behind it. */
#define DEFER_LINES 5

struct loop {
	struct ev_loop *ev; /* owned */
	ev_check woken;	    /* first thing after a wait: reads the clock */
	ev_async posted;
	ev_timer wake; /* the earliest of timers, for libev's wait */
	int64_t wake_ms;

	struct timers timers;
	struct list deferred;
	_Atomic(struct loop_post *) posts; /* newest first */

	loop_turn_fn *turn;
	void *turn_arg;
	struct beat *beat;	   /* borrowed; NULL: nobody watches */
	const struct ticks *ticks; /* borrowed; NULL: nobody measures */
	uint64_t woken_ticks;
	struct timer *pulse; /* borrowed; NULL: none */
	int64_t pulse_ms;

	int64_t now_ms;
	unsigned n_holds;
	bool is_virtual;
	bool is_stopping;
	bool saw_events; /* virtual only: the last ev_run() called somebody */
};

/* The watched part of a turn: from here to where the next wait begins. */
static void on_woken(struct ev_loop *ev, ev_check *w, int events)
{
	struct loop *loop = container_of(w, struct loop, woken);
	int64_t now_us;

	if (loop->ticks)
		loop->woken_ticks = ticks_now(loop->ticks);
	if (!loop->beat) {
		loop_update_now(loop);
		return;
	}
	now_us = clock_monotonic_us();
	loop->now_ms = now_us / 1000;
	beat_begin(loop->beat, now_us);
}

/* It only had to end the wait; what was posted is taken at the start of the turn. */
static void on_posted(struct ev_loop *ev, ev_async *w, int events)
{
}

static void on_wake(struct ev_loop *ev, ev_timer *w, int events)
{
	container_of(w, struct loop, wake)->wake_ms = INT64_MAX;
}

/* Our own check watcher is always pending after a poll: one is none. */
static void on_pending(struct ev_loop *ev)
{
	struct loop *loop = ev_userdata(ev);

	if (ev_pending_count(ev) > 1)
		loop->saw_events = true;
	ev_invoke_pending(ev);
}

static int loop_make(struct loop **ret_loop, bool is_virtual)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!loop->ev) {
		free(loop);
		return -ENOMEM;
	}
	loop->is_virtual = is_virtual;
	loop->wake_ms = INT64_MAX;
	list_init(&loop->deferred);
	ev_set_userdata(loop->ev, loop);

	ev_check_init(&loop->woken, on_woken);
	ev_set_priority(&loop->woken, EV_MAXPRI);
	ev_check_start(loop->ev, &loop->woken);
	ev_async_init(&loop->posted, on_posted);
	ev_async_start(loop->ev, &loop->posted);
	ev_timer_init(&loop->wake, on_wake, 0., 0.);

	if (is_virtual) {
		/* Let ev_run() tell us when nobody but us watches anything. */
		ev_unref(loop->ev);
		ev_unref(loop->ev);
		ev_set_invoke_pending_cb(loop->ev, on_pending);
		loop->now_ms = 1000;
	}
	loop_update_now(loop);
	*ret_loop = loop;
	return 0;
}

int loop_new(struct loop **ret_loop)
{
	return loop_make(ret_loop, false);
}

int loop_new_virtual(struct loop **ret_loop)
{
	return loop_make(ret_loop, true);
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	if (loop->is_virtual) {
		ev_ref(loop->ev);
		ev_ref(loop->ev);
	}
	ev_timer_stop(loop->ev, &loop->wake);
	ev_async_stop(loop->ev, &loop->posted);
	ev_check_stop(loop->ev, &loop->woken);
	ev_loop_destroy(loop->ev);
	free(loop);
	return NULL;
}

struct ev_loop *loop_ev(const struct loop *loop)
{
	return loop->ev;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

bool loop_is_virtual(const struct loop *loop)
{
	return loop->is_virtual;
}

void loop_update_now(struct loop *loop)
{
	if (!loop->is_virtual)
		loop->now_ms = clock_monotonic_ms();
}

void loop_set_turn(struct loop *loop, loop_turn_fn *fn, void *arg)
{
	loop->turn = fn;
	loop->turn_arg = arg;
}

void loop_set_beat(struct loop *loop, struct beat *beat)
{
	assert(!loop->is_virtual);
	loop->beat = beat;
	if (beat)
		beat_begin(beat, clock_monotonic_us());
}

void loop_set_ticks(struct loop *loop, const struct ticks *ticks)
{
	loop->ticks = ticks;
	loop->woken_ticks = ticks ? ticks_now(ticks) : 0;
}

uint64_t loop_woken_ticks(const struct loop *loop)
{
	return loop->woken_ticks;
}

void loop_set_pulse(struct loop *loop, struct timer *timer, int64_t later_ms)
{
	loop->pulse = timer;
	loop->pulse_ms = later_ms;
}

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t at_ms)
{
	timers_start(&loop->timers, timer, at_ms);
}

void loop_timer_stop(struct loop *loop, struct timer *timer)
{
	timers_stop(&loop->timers, timer);
}

void loop_defer_init(struct loop_defer *defer, void (*run)(struct loop_defer *defer))
{
	list_init(&defer->link);
	defer->run = run;
	defer->fetch = NULL;
}

void loop_defer(struct loop *loop, struct loop_defer *defer)
{
	if (list_is_empty(&defer->link))
		list_add_tail(&loop->deferred, &defer->link);
}

void loop_defer_cancel(struct loop_defer *defer)
{
	list_del(&defer->link);
}

void loop_post(struct loop *loop, struct loop_post *post)
{
	struct loop_post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);

	do
		post->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, post,
						      memory_order_release, memory_order_relaxed));
	ev_async_send(loop->ev, &loop->posted);
}

void loop_hurry(struct loop *loop)
{
	ev_async_send(loop->ev, &loop->posted); /* libev waits for no time then; no system call */
}

void loop_hold(struct loop *loop)
{
	loop->n_holds++;
	ev_ref(loop->ev);
}

void loop_release(struct loop *loop)
{
	assert(loop->n_holds > 0);
	loop->n_holds--;
	ev_unref(loop->ev);
}

/* Oldest first. */
static bool run_posts(struct loop *loop)
{
	struct loop_post *newest = atomic_exchange_explicit(&loop->posts, NULL,
							    memory_order_acquire);
	struct loop_post *oldest = NULL;

	while (newest) {
		struct loop_post *post = newest;

		newest = post->next;
		post->next = oldest;
		oldest = post;
	}
	if (!oldest)
		return false;
	while (oldest) {
		struct loop_post *post = oldest;

		oldest = post->next;
		post->run(post);
	}
	return true;
}

void loop_take_posts(struct loop *loop)
{
	(void)run_posts(loop);
}

/* A thousand that send to a client each: what the next needs, and where the one behind it lies, likely another. */
static void fetch_deferred(const struct loop *loop)
{
	const struct list *next = loop->deferred.next;
	const struct loop_defer *defer = list_entry(next, const struct loop_defer, link);

	if (next == &loop->deferred || !defer->fetch)
		return;
	for (int line = 0; line < DEFER_LINES; line++)
		__builtin_prefetch((const char *)next->next + 64 * line, 1);
	defer->fetch(defer);
}

static bool run_deferred(struct loop *loop)
{
	struct list *link;
	bool has_run = !list_is_empty(&loop->deferred);

	while ((link = list_pop(&loop->deferred))) {
		struct loop_defer *defer = list_entry(link, struct loop_defer, link);

		fetch_deferred(loop);
		defer->run(defer);
	}
	return has_run;
}

/* Has libev's wait end in time for the earliest timer. Waking early is harmless, and cheaper than re-arming. */
static void arm_wake(struct loop *loop)
{
	int64_t next_ms = timers_next_ms(&loop->timers), delay_ms;

	if (next_ms >= loop->wake_ms)
		return;
	ev_timer_stop(loop->ev, &loop->wake);
	/* From now, not from now_ms: what the turn itself took has been waited already. */
	ev_now_update(loop->ev);
	delay_ms = next_ms - clock_monotonic_ms();
	if (delay_ms < 0)
		delay_ms = 0;
	/* Half a millisecond late rather than a turn too early. */
	ev_timer_set(&loop->wake, (double)delay_ms / 1000. + 0.0005, 0.);
	ev_timer_start(loop->ev, &loop->wake);
	loop->wake_ms = next_ms;
}

static void wait_real(struct loop *loop, bool may_wait)
{
	if (timers_next_ms(&loop->timers) <= loop->now_ms)
		may_wait = false;
	if (may_wait)
		arm_wake(loop);
	if (loop->beat)
		beat_end(loop->beat, clock_monotonic_us());
	(void)ev_run(loop->ev, may_wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

static void wait_virtual(struct loop *loop, bool may_wait)
{
	int64_t next_ms;

	loop->saw_events = false;
	(void)ev_run(loop->ev, EVRUN_NOWAIT);
	if (!may_wait || loop->saw_events || atomic_load(&loop->posts))
		return;

	next_ms = timers_next_ms(&loop->timers);
	if (loop->n_holds == 0 && next_ms != INT64_MAX) {
		if (next_ms > loop->now_ms)
			loop->now_ms = next_ms;
		return;
	}
	/* Watchers, or a thread: only they can go on. */
	if (!ev_run(loop->ev, EVRUN_ONCE) && !loop->saw_events)
		loop->is_stopping = true;
}

/*
 * The hook, and what was deferred. A deferred flush may make a task ready that
 * waited for room, or find that the client has gone: then the hook runs again,
 * else that task would sleep until something else happens. Twice is enough:
 * who goes on like that asks for another turn.
 */
static bool run_tasks(struct loop *loop)
{
	bool wants_more = false;

	for (unsigned n = 0; n < 2; n++) {
		if (loop->turn && loop->turn(loop->turn_arg, false))
			wants_more = true;
		if (!run_deferred(loop))
			return wants_more;
	}
	return true;
}

void loop_run_ready(struct loop *loop)
{
	if (loop->turn)
		(void)loop->turn(loop->turn_arg, true);
}

void loop_turn(struct loop *loop, bool may_wait)
{
	bool wants_more = run_posts(loop);

	/* Before it may fire: the turn in which it does is not one in which something happens. */
	if (loop->pulse && !timer_is_active(loop->pulse))
		timers_start(&loop->timers, loop->pulse, loop->now_ms + loop->pulse_ms);
	timers_fire(&loop->timers, loop->now_ms);
	wants_more |= run_tasks(loop);

	may_wait = may_wait && !wants_more && !loop->is_stopping;
	if (loop->is_virtual)
		wait_virtual(loop, may_wait);
	else
		wait_real(loop, may_wait);
}

void loop_run(struct loop *loop)
{
	loop->is_stopping = false;
	while (!loop->is_stopping)
		loop_turn(loop, true);
}

void loop_stop(struct loop *loop)
{
	loop->is_stopping = true;
}
