#include "io/threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "gated_call.h"
#include "thread_fail.h"

static struct loop *loop;
static struct threads *threads;

static void setup(void)
{
	cr_assert_eq(loop_new_virtual(&loop), 0);
	cr_assert_eq(threads_new(loop, 2, 0, &threads), 0);
}

static void teardown(void)
{
	threads = threads_free(threads);
	loop = loop_free(loop);
}

TestSuite(threads, .init = setup, .fini = teardown);

struct call {
	struct thread_call call;
	pthread_t thread; /* that done() was called on */
	int result;
	unsigned n_done;
};

static void on_done(struct thread_call *thread_call)
{
	struct call *c = container_of(thread_call, struct call, call);

	c->thread = pthread_self();
	c->result = thread_call->result;
	c->n_done++;
}

static void start(struct call *c, int (*fn)(void *arg), void *arg)
{
	*c = (struct call){ .call = { .fn = fn, .arg = arg, .done = on_done } };
	cr_assert_eq(threads_start(threads, &c->call), 0);
}

static int tell_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	return 7;
}

Test(threads, run_a_call_elsewhere_and_tell_the_loops_thread)
{
	pthread_t thread;
	struct call c;

	start(&c, tell_thread, &thread);
	loop_run(loop);
	cr_assert_eq(c.n_done, 1);
	cr_assert_eq(c.result, 7);
	cr_assert(pthread_equal(c.thread, pthread_self()));
	cr_assert_not(pthread_equal(thread, pthread_self()));
}

Test(threads, are_started_when_needed_and_no_more_than_allowed)
{
	struct gated_call gates[3];
	struct call calls[3];

	cr_assert_eq(thread_count(), 0);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		gated_call_init(&gates[i], 0);
		start(&calls[i], gated_call_run, &gates[i]);
	}
	gated_call_await(&gates[0]);
	gated_call_await(&gates[1]);
	cr_assert_eq(thread_count(), 2);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		gated_call_let(&gates[i]);
	loop_run(loop);
	cr_assert_eq(gates[2].n_calls, 1);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		gated_call_done(&gates[i]);
}

Test(threads, that_are_idle_take_the_next_call)
{
	pthread_t thread;
	struct call c;

	start(&c, tell_thread, &thread);
	loop_run(loop);
	while (threads_n_idle(threads) == 0)
		(void)sched_yield();
	for (int i = 0; i < 50; i++) {
		start(&c, tell_thread, &thread);
		while (c.n_done == 0 || threads_n_idle(threads) == 0)
			loop_turn(loop, false);
	}
	cr_assert_eq(thread_count(), 1);
}

static char diary[16];
static size_t n_noted;

static int note(void *arg)
{
	diary[n_noted++] = *(const char *)arg;
	return 0;
}

Test(threads, take_calls_in_the_order_they_were_started)
{
	struct gated_call gates[2];
	struct call held[2], noted[4];
	char letters[] = "abcd";

	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		gated_call_init(&gates[i], 0);
		start(&held[i], gated_call_run, &gates[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(noted); i++)
		start(&noted[i], note, &letters[i]);
	/* One of the two threads goes on: it alone takes them all. */
	gated_call_await(&gates[0]);
	gated_call_await(&gates[1]);
	gated_call_let(&gates[0]);
	while (noted[3].n_done == 0)
		loop_turn(loop, true);
	cr_assert_str_eq(diary, "abcd");
	gated_call_let(&gates[1]);
	loop_run(loop);
}

static void hold_both(struct call calls[2], struct gated_call gates[2])
{
	for (size_t i = 0; i < 2; i++) {
		gated_call_init(&gates[i], 0);
		start(&calls[i], gated_call_run, &gates[i]);
	}
	gated_call_await(&gates[0]);
	gated_call_await(&gates[1]);
}

static void let_both(struct gated_call gates[2])
{
	gated_call_let(&gates[0]);
	gated_call_let(&gates[1]);
}

Test(threads, give_back_a_call_that_waits)
{
	struct gated_call gates[2], never;
	struct call held[2], c;

	hold_both(held, gates);
	gated_call_init(&never, 0);
	start(&c, gated_call_run, &never);
	cr_assert(threads_take_back(&c.call));
	cr_assert_not(threads_take_back(&c.call), "once");
	let_both(gates);
	loop_run(loop);
	cr_assert_eq(never.n_calls, 0);
	cr_assert_eq(c.n_done, 0);
	cr_assert_eq(held[0].n_done + held[1].n_done, 2);
}

Test(threads, do_not_give_back_a_call_that_runs)
{
	struct gated_call gates[2];
	struct call held[2];

	hold_both(held, gates);
	cr_assert_not(threads_take_back(&held[0].call));
	let_both(gates);
	loop_run(loop);
	cr_assert_eq(held[0].n_done, 1);
	cr_assert_not(threads_take_back(&held[0].call), "nor one that has run");
}

Test(threads, tell_a_call_that_it_is_unwanted)
{
	struct gated_call gate;
	struct call c;

	gated_call_init(&gate, -ECANCELED);
	gate.is_unwanted = threads_is_unwanted;
	start(&c, gated_call_run, &gate);
	gated_call_await(&gate);
	cr_assert_eq(c.n_done, 0);
	threads_say_unwanted(&c.call);
	loop_run(loop);
	cr_assert(gate.was_unwanted);
	cr_assert_eq(c.result, -ECANCELED);
	cr_assert_not(threads_is_unwanted(), "that was on another thread");
}

static int look(void *arg)
{
	return threads_is_unwanted();
}

Test(threads, do_not_tell_the_next_call)
{
	struct gated_call gates[2];
	struct call held[2], c;

	hold_both(held, gates);
	threads_say_unwanted(&held[0].call);
	threads_say_unwanted(&held[1].call);
	start(&c, look, NULL);
	let_both(gates);
	loop_run(loop);
	cr_assert_eq(c.n_done, 1);
	cr_assert_eq(c.result, 0);
}

static void on_timer(struct timer *timer)
{
	cr_assert_fail("the clock went on");
}

Test(threads, hold_a_virtual_clock)
{
	int64_t start_ms = loop_now_ms(loop);
	struct gated_call gates[2];
	struct call held[2];
	struct timer timer;

	hold_both(held, gates);
	timer_init(&timer, on_timer);
	loop_timer_start(loop, &timer, start_ms + 1);
	let_both(gates);
	while (held[0].n_done + held[1].n_done < 2)
		loop_turn(loop, true);
	cr_assert_eq(loop_now_ms(loop), start_ms);
	loop_timer_stop(loop, &timer);
}

static void on_nothing(struct timer *timer)
{
}

Test(threads, let_the_clock_go_on_when_the_last_call_was_taken_back)
{
	int64_t start_ms = loop_now_ms(loop);
	struct gated_call gates[2];
	struct call held[2], c;
	struct timer timer;

	hold_both(held, gates);
	start(&c, look, NULL);
	cr_assert(threads_take_back(&c.call));
	let_both(gates);
	timer_init(&timer, on_nothing);
	loop_timer_start(loop, &timer, start_ms + 1000);
	loop_run(loop);
	cr_assert_eq(loop_now_ms(loop), start_ms + 1000);
}

static int tell_signals(void *arg)
{
	return pthread_sigmask(SIG_BLOCK, NULL, arg);
}

Test(threads, leave_signals_to_the_loops_thread)
{
	sigset_t theirs, before, after;
	struct call c;

	cr_assert_eq(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
	start(&c, tell_signals, &theirs);
	loop_run(loop);
	cr_assert_eq(sigismember(&theirs, SIGTERM), 1);
	cr_assert_eq(sigismember(&theirs, SIGALRM), 1);
	cr_assert_eq(sigismember(&theirs, SIGUSR1), 1);
	cr_assert_eq(sigismember(&theirs, SIGSEGV), 0, "a crash is for who has crashed");
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
	cr_assert_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static int tell_stack(void *arg)
{
	pthread_attr_t attr;

	cr_assert_eq(pthread_getattr_np(pthread_self(), &attr), 0);
	cr_assert_eq(pthread_attr_getstacksize(&attr, arg), 0);
	return pthread_attr_destroy(&attr);
}

Test(threads, have_the_stack_that_is_promised)
{
	size_t size = 0;
	struct call c;

	start(&c, tell_stack, &size);
	loop_run(loop);
	cr_assert_geq(size, THREADS_STACK);
}

static int count(void *arg)
{
	(void)__atomic_add_fetch((unsigned *)arg, 1, __ATOMIC_RELAXED);
	return 0;
}

Test(threads, end_after_all_that_was_started)
{
	struct gated_call gates[2];
	struct call held[2], queued[20];
	unsigned n = 0;

	hold_both(held, gates);
	for (size_t i = 0; i < ARRAY_LEN(queued); i++)
		start(&queued[i], count, &n);
	let_both(gates);
	threads = threads_free(threads);
	cr_assert_eq(n, ARRAY_LEN(queued));
	for (size_t i = 0; i < ARRAY_LEN(queued); i++)
		cr_assert_eq(queued[i].n_done, 1);
	cr_assert_eq(held[0].n_done + held[1].n_done, 2);
}

static int start_result;

static void on_done_start_another(struct thread_call *call)
{
	static struct thread_call another;

	another = (struct thread_call){ .fn = look, .done = on_done };
	start_result = threads_start(threads, &another);
}

Test(threads, take_nothing_any_more_while_they_end)
{
	struct gated_call gate;
	struct call c;

	gated_call_init(&gate, 0);
	start(&c, gated_call_run, &gate);
	c.call.done = on_done_start_another;
	gated_call_await(&gate);
	gated_call_let(&gate);
	(void)threads_free(threads);
	threads = NULL;
	cr_assert_eq(start_result, -ESHUTDOWN);
}

Test(threads, of_which_none_was_needed_end_at_once)
{
	threads = threads_free(threads);
	cr_assert_null(threads_free(NULL));
}

Test(threads, without_any_refuse)
{
	struct call c = { .call = { .fn = look, .done = on_done } };

	thread_fail(true);
	cr_assert_eq(threads_start(threads, &c.call), -EAGAIN);
	thread_fail(false);
	cr_assert_eq(threads_start(threads, &c.call), 0, "and may be asked again");
	loop_run(loop);
	cr_assert_eq(c.n_done, 1);
}

Test(threads, that_are_fewer_than_they_might_be_take_all_calls)
{
	struct gated_call gate;
	struct call held, c;

	gated_call_init(&gate, 0);
	start(&held, gated_call_run, &gate);
	thread_fail(true);
	start(&c, look, NULL);
	thread_fail(false);
	gated_call_let(&gate);
	loop_run(loop);
	cr_assert_eq(held.n_done, 1);
	cr_assert_eq(c.n_done, 1);
}

/* Calls that are started, taken back and called unwanted as they come: for ThreadSanitizer and ASan. */
enum { STORM = 3000 };

Test(threads, lose_no_call_whoever_goes_first)
{
	struct call *calls = calloc(STORM, sizeof(*calls));
	unsigned n_run = 0, n_back = 0, n_done = 0;

	cr_assert(calls);
	for (size_t i = 0; i < STORM; i++) {
		start(&calls[i], count, &n_run);
		if (i % 3 == 0)
			n_back += threads_take_back(&calls[i].call);
		else if (i % 3 == 1)
			threads_say_unwanted(&calls[i].call);
		if (i % 7 == 0)
			loop_turn(loop, false);
	}
	loop_run(loop);
	for (size_t i = 0; i < STORM; i++)
		n_done += calls[i].n_done;
	cr_assert_eq(n_done, n_run);
	cr_assert_eq(n_run + n_back, STORM);
	free(calls);
}
