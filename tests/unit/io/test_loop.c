/* test_loop.c - see io/loop.h. Mostly virtual loops; what is about waiting waits a few milliseconds. */
#include "io/loop.h"

#include <criterion/criterion.h>
#include <ev.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/beat.h"

/* What happened, in order, as letters; and the loop to act on. */
struct diary {
	struct loop *loop;
	char text[64];
	size_t len;
};

static void note(struct diary *d, char c)
{
	cr_assert_lt(d->len, sizeof(d->text) - 1);
	d->text[d->len++] = c;
}

struct alarm {
	struct timer timer;
	struct diary *diary;
	char name;
	bool stops_loop;
};

static void on_alarm(struct timer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer);

	note(a->diary, a->name);
	if (a->stops_loop)
		loop_stop(a->diary->loop);
}

static struct alarm make_alarm(struct diary *d, char name, bool stops_loop)
{
	struct alarm a = { .diary = d, .name = name, .stops_loop = stops_loop };

	timer_init(&a.timer, on_alarm);
	return a;
}

Test(loop, virtual_ends_when_nothing_is_left_to_do)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	cr_assert(loop_is_virtual(loop));
	loop_run(loop);
}

Test(loop, virtual_jumps_from_timer_to_timer)
{
	struct diary d = { 0 };
	struct alarm hour = make_alarm(&d, 'h', false), day = make_alarm(&d, 'd', false);
	int64_t before_ms = clock_monotonic_ms(), start_ms;

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	start_ms = loop_now_ms(d.loop);
	loop_timer_start(d.loop, &day.timer, start_ms + 86400000);
	loop_timer_start(d.loop, &hour.timer, start_ms + 3600000);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "hd");
	cr_assert_eq(loop_now_ms(d.loop), start_ms + 86400000);
	cr_assert_lt(clock_monotonic_ms() - before_ms, 60000);
	loop_free(d.loop);
}

Test(loop, virtual_stands_still_within_a_turn)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	int64_t start_ms;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	start_ms = loop_now_ms(loop);
	loop_turn(loop, false);
	loop_update_now(loop);
	cr_assert_eq(loop_now_ms(loop), start_ms);
}

Test(loop, virtual_does_not_jump_without_leave_to_wait)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', false);

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 10);
	for (int i = 0; i < 5; i++)
		loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "");
	loop_turn(d.loop, true);
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "a");
	loop_free(d.loop);
}

Test(loop, a_stopped_timer_does_not_fire)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', false), b = make_alarm(&d, 'b', false);

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 10);
	loop_timer_start(d.loop, &b.timer, loop_now_ms(d.loop) + 20);
	loop_timer_stop(d.loop, &a.timer);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "b");
	loop_free(d.loop);
}

Test(loop, stops_when_told)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', true), b = make_alarm(&d, 'b', false);

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 10);
	loop_timer_start(d.loop, &b.timer, loop_now_ms(d.loop) + 20);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "a");
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "ab", "and can be run again");
	loop_free(d.loop);
}

struct later {
	struct loop_defer defer;
	struct diary *diary;
	char name;
};

static void on_later(struct loop_defer *defer)
{
	struct later *l = container_of(defer, struct later, defer);

	note(l->diary, l->name);
}

static bool on_turn(void *arg, bool is_short)
{
	note(arg, 't');
	return false;
}

Test(loop, a_turn_is_timers_then_the_hook_then_what_was_deferred)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', false);
	struct later x = { .diary = &d, .name = 'x' }, y = { .diary = &d, .name = 'y' };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_set_turn(d.loop, on_turn, &d);
	loop_defer_init(&x.defer, on_later);
	loop_defer_init(&y.defer, on_later);
	loop_defer(d.loop, &x.defer);
	loop_defer(d.loop, &y.defer);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop));
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "atxyt", "and the hook again, for what was made ready meanwhile");
	loop_free(d.loop);
}

static bool on_any_turn(void *arg, bool is_short)
{
	note(arg, is_short ? 's' : 't');
	return is_short; /* which asks for nothing: there is no wait to be left out */
}

Test(loop, an_event_may_run_the_hook_but_nothing_is_freed_meanwhile)
{
	struct diary d = { 0 };
	struct later x = { .diary = &d, .name = 'x' };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_run_ready(d.loop);
	loop_set_turn(d.loop, on_any_turn, &d);
	loop_defer_init(&x.defer, on_later);
	loop_defer(d.loop, &x.defer);
	loop_run_ready(d.loop);
	cr_assert_str_eq(d.text, "s");
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "stxt");
	loop_free(d.loop);
}

/* A hook with a task that becomes ready in a deferred call, and runs once. */
struct sleeper {
	struct loop_defer waker;
	struct diary *diary;
	bool is_ready;
};

static void on_waker(struct loop_defer *defer)
{
	container_of(defer, struct sleeper, waker)->is_ready = true;
}

static bool run_sleeper(void *arg, bool is_short)
{
	struct sleeper *s = arg;

	if (s->is_ready) {
		s->is_ready = false;
		note(s->diary, 'r');
	}
	return false;
}

Test(loop, does_not_wait_for_a_timer_when_a_deferred_call_made_a_task_ready)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', true);
	struct sleeper s = { .diary = &d };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_set_turn(d.loop, run_sleeper, &s);
	loop_defer_init(&s.waker, on_waker);
	loop_defer(d.loop, &s.waker);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 1000);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "ra");
	loop_free(d.loop);
}

Test(loop, deferring_twice_is_once)
{
	struct diary d = { 0 };
	struct later x = { .diary = &d, .name = 'x' };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_defer_init(&x.defer, on_later);
	loop_defer(d.loop, &x.defer);
	loop_defer(d.loop, &x.defer);
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "x");
	loop_defer(d.loop, &x.defer);
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "xx", "and again in a later turn");
	loop_free(d.loop);
}

static void on_fetch(const struct loop_defer *defer)
{
	const struct later *l = container_of(defer, const struct later, defer);

	note(l->diary, 'f');
	note(l->diary, l->name);
}

Test(loop, what_is_deferred_is_fetched_before_the_one_in_front_of_it_runs)
{
	struct diary d = { 0 };
	struct later laters[] = { { .diary = &d, .name = 'x' },
				  { .diary = &d, .name = 'y' },
				  { .diary = &d, .name = 'z' } };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	for (size_t i = 0; i < ARRAY_LEN(laters); i++) {
		loop_defer_init(&laters[i].defer, on_later);
		if (i > 0)
			laters[i].defer.fetch = on_fetch;
		loop_defer(d.loop, &laters[i].defer);
	}
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "fyxfzyz");
	loop_free(d.loop);
}

Test(loop, what_was_deferred_can_be_cancelled)
{
	struct diary d = { 0 };
	struct later x = { .diary = &d, .name = 'x' };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_defer_init(&x.defer, on_later);
	loop_defer(d.loop, &x.defer);
	loop_defer_cancel(&x.defer);
	loop_defer_cancel(&x.defer);
	loop_turn(d.loop, false);
	cr_assert_str_eq(d.text, "");
	loop_free(d.loop);
}

static bool on_three_turns(void *arg, bool is_short)
{
	struct diary *d = arg;

	note(d, 't');
	if (d->len == 3)
		loop_stop(d->loop);
	return d->len < 3;
}

Test(loop, does_not_wait_while_the_hook_wants_another_turn)
{
	struct diary d = { 0 };
	struct alarm never = make_alarm(&d, 'n', false);

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_set_turn(d.loop, on_three_turns, &d);
	loop_timer_start(d.loop, &never.timer, loop_now_ms(d.loop) + 1);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "ttt", "the clock did not jump: the timer is not due");
	loop_free(d.loop);
}

struct reader {
	struct ev_io io;
	struct diary *diary;
};

static void on_readable(struct ev_loop *ev, ev_io *w, int events)
{
	struct reader *r = container_of(w, struct reader, io);
	char c;

	cr_assert_eq(read(w->fd, &c, 1), 1);
	note(r->diary, c);
	loop_stop(r->diary->loop);
}

Test(loop, virtual_looks_at_descriptors_before_it_jumps)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', false);
	struct reader r = { .diary = &d };
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	ev_io_init(&r.io, on_readable, fds[0], EV_READ);
	ev_io_start(loop_ev(d.loop), &r.io);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 10);
	cr_assert_eq(write(fds[1], "r", 1), 1);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "r");
	ev_io_stop(loop_ev(d.loop), &r.io);
	loop_free(d.loop);
	close(fds[0]);
	close(fds[1]);
}

struct mail {
	struct loop_post post;
	struct diary *diary;
	char name;
	bool releases;
};

static void on_mail(struct loop_post *post)
{
	struct mail *m = container_of(post, struct mail, post);

	note(m->diary, m->name);
	if (m->releases)
		loop_release(m->diary->loop);
}

Test(loop, posts_run_in_order)
{
	struct diary d = { 0 };
	struct mail a = { { .run = on_mail }, &d, 'a', false };
	struct mail b = { { .run = on_mail }, &d, 'b', false };
	struct mail c = { { .run = on_mail }, &d, 'c', false };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_post(d.loop, &a.post);
	loop_post(d.loop, &b.post);
	loop_post(d.loop, &c.post);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "abc");
	loop_free(d.loop);
}

Test(loop, posts_can_be_taken_without_a_turn)
{
	struct diary d = { 0 };
	struct mail a = { { .run = on_mail }, &d, 'a', false };

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_set_turn(d.loop, on_turn, &d);
	loop_post(d.loop, &a.post);
	loop_take_posts(d.loop);
	cr_assert_str_eq(d.text, "a", "and the hook was not called");
	loop_take_posts(d.loop);
	cr_assert_str_eq(d.text, "a");
	loop_free(d.loop);
}

static void *post_from_thread(void *arg)
{
	struct mail *m = arg;

	loop_post(m->diary->loop, &m->post);
	return NULL;
}

Test(loop, virtual_waits_for_a_post_while_it_is_held)
{
	struct diary d = { 0 };
	struct mail m = { { .run = on_mail }, &d, 'm', true };
	struct alarm a = make_alarm(&d, 'a', false);
	pthread_t thread;

	cr_assert_eq(loop_new_virtual(&d.loop), 0);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 1);
	loop_hold(d.loop);
	cr_assert_eq(pthread_create(&thread, NULL, post_from_thread, &m), 0);
	loop_run(d.loop);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_str_eq(d.text, "ma", "the clock stood still until the thread had posted");
	loop_free(d.loop);
}

Test(loop, real_wakes_for_a_post_of_another_thread)
{
	struct diary d = { 0 };
	struct mail m = { { .run = on_mail }, &d, 'm', false };
	struct alarm late = make_alarm(&d, 'l', true);
	pthread_t thread;

	cr_assert_eq(loop_new(&d.loop), 0);
	cr_assert_not(loop_is_virtual(d.loop));
	loop_timer_start(d.loop, &late.timer, loop_now_ms(d.loop) + 60000);
	cr_assert_eq(pthread_create(&thread, NULL, post_from_thread, &m), 0);
	while (d.len == 0)
		loop_turn(d.loop, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_str_eq(d.text, "m");
	loop_free(d.loop);
}

enum { PER_THREAD = 2000 };

struct counted {
	struct loop_post post;
	unsigned *n;
};

static void on_counted(struct loop_post *post)
{
	(*container_of(post, struct counted, post)->n)++;
}

struct sender {
	struct loop *loop;
	struct counted *all;
};

static void *send_counted(void *arg)
{
	struct sender *s = arg;

	for (int i = 0; i < PER_THREAD; i++)
		loop_post(s->loop, &s->all[i].post);
	return NULL;
}

Test(loop, loses_no_post_of_many_threads)
{
	struct sender senders[4];
	pthread_t threads[ARRAY_LEN(senders)];
	struct loop *loop = NULL;
	unsigned n = 0;

	cr_assert_eq(loop_new(&loop), 0);
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		senders[i].loop = loop;
		senders[i].all = calloc(PER_THREAD, sizeof(*senders[i].all));
		for (int j = 0; j < PER_THREAD; j++)
			senders[i].all[j] = (struct counted){ { .run = on_counted }, &n };
		cr_assert_eq(pthread_create(&threads[i], NULL, send_counted, &senders[i]), 0);
	}
	while (n < ARRAY_LEN(senders) * PER_THREAD)
		loop_turn(loop, true);
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
		free(senders[i].all);
	}
	loop_free(loop);
}

Test(loop, real_waits_for_its_timers)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', false), b = make_alarm(&d, 'b', true);
	int64_t start_ms = clock_monotonic_ms();

	cr_assert_eq(loop_new(&d.loop), 0);
	loop_timer_start(d.loop, &b.timer, loop_now_ms(d.loop) + 20);
	loop_timer_start(d.loop, &a.timer, loop_now_ms(d.loop) + 5);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "ab");
	cr_assert_geq(clock_monotonic_ms() - start_ms, 20, "not too early");
	loop_free(d.loop);
}

/* Keeps the processor for ms. */
static void be_busy(int64_t ms)
{
	int64_t until_ms = clock_monotonic_ms() + ms;

	while (clock_monotonic_ms() < until_ms)
		;
}

static bool on_busy_turn(void *arg, bool is_short)
{
	struct diary *d = arg;

	if (d->len == 0) {
		note(d, 'b');
		be_busy(300);
	}
	return false;
}

Test(loop, a_long_turn_does_not_make_a_timer_later_than_it_must_be)
{
	struct diary d = { 0 };
	struct alarm a = make_alarm(&d, 'a', true);
	int64_t start_ms;

	cr_assert_eq(loop_new(&d.loop), 0);
	start_ms = loop_now_ms(d.loop);
	loop_set_turn(d.loop, on_busy_turn, &d);
	loop_timer_start(d.loop, &a.timer, start_ms + 290);
	loop_run(d.loop);
	cr_assert_str_eq(d.text, "ba");
	cr_assert_lt(clock_monotonic_ms() - start_ms, 550, "waited for the turn's time once more");
	loop_free(d.loop);
}

Test(loop, real_reads_its_clock_after_each_wait)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	int64_t before_ms;

	cr_assert_eq(loop_new(&loop), 0);
	before_ms = loop_now_ms(loop);
	be_busy(3);
	cr_assert_eq(loop_now_ms(loop), before_ms, "not in between");
	loop_turn(loop, false);
	cr_assert_geq(loop_now_ms(loop), before_ms + 3);
	before_ms = loop_now_ms(loop);
	be_busy(3);
	loop_update_now(loop);
	cr_assert_geq(loop_now_ms(loop), before_ms + 3);
}

/* ---- for who watches */

static struct beat beat;
static struct beat_turn seen;

static void look_at_beat(struct timer *timer)
{
	(void)beat_read(&beat, &seen);
}

Test(loop, shows_its_turns_to_who_watches)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct histogram turns = { 0 };
	struct beat_turn first;
	struct timer timer;
	int64_t ended_us;

	cr_assert_eq(loop_new(&loop), 0);
	beat_init(&beat, &turns);
	loop_set_beat(loop, &beat);
	/* From here on, since somebody runs. */
	cr_assert(beat_read(&beat, &first));
	loop_turn(loop, false);
	cr_assert_not(beat_is_in(&beat, &first, &ended_us));
	cr_assert_eq(turns.n, 1);
	timer_init(&timer, look_at_beat);
	loop_timer_start(loop, &timer, loop_now_ms(loop));
	loop_turn(loop, false);
	cr_assert_neq(seen.n, first.n);
	cr_assert_eq(turns.n, 2);
	loop_set_beat(loop, NULL);
	loop_turn(loop, false);
	cr_assert_eq(turns.n, 2);
}

/* A timer that counts how often it has fired. */
struct pulse {
	struct timer timer;
	unsigned n;
};

static void on_pulse(struct timer *timer)
{
	container_of(timer, struct pulse, timer)->n++;
}

static void on_nothing(struct timer *timer)
{
}

Test(loop, a_pulse_follows_what_happens_and_wakes_nobody_else)
{
	struct pulse pulse = { .n = 0 };
	struct timer other;
	struct loop *loop;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	timer_init(&pulse.timer, on_pulse);
	timer_init(&other, on_nothing);
	loop_set_pulse(loop, &pulse.timer, 1000);
	loop_timer_start(loop, &other, loop_now_ms(loop) + 10000);
	loop_run(loop);
	/* Once behind the first turn, once behind the timer: not each second. */
	cr_assert_eq(pulse.n, 2);
	loop_set_pulse(loop, NULL, 0);
	(void)loop_free(loop);
}
