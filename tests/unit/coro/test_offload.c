#include "coro/offload.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "coro/deadline.h"
#include "coro/wait.h"
#include "coro_world.h"
#include "gated_call.h"
#include "oom.h"
#include "thread_fail.h"

static struct world w;

static void setup(void)
{
	world_open_with(&w, (struct sched_opts){ .threads = 1 });
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(offload, .init = setup, .fini = teardown);

static int answer(void *arg)
{
	return *(int *)arg;
}

static int offload_answer(void *arg)
{
	return offload(answer, arg);
}

Test(offload, returns_what_the_call_has_returned)
{
	int n = 42, error = -EIO;

	cr_assert_eq(world_run(&w, offload_answer, &n), 42);
	cr_assert_eq(world_run(&w, offload_answer, &error), -EIO);
}

static int tell_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	return 0;
}

static int offload_tell_thread(void *arg)
{
	return offload(tell_thread, arg);
}

Test(offload, calls_on_another_thread)
{
	pthread_t thread;

	cr_assert_eq(world_run(&w, offload_tell_thread, &thread), 0);
	cr_assert_not(pthread_equal(thread, pthread_self()));
}

static int offload_gate(void *arg)
{
	return offload(gated_call_run, arg);
}

static int sleep_100(void *arg)
{
	return wait_sleep(100);
}

/* Turns until the task has returned; never waits, as some other call may never come back. */
static void finish(struct root *root)
{
	while (!root->is_done)
		loop_turn(w.loop, false);
}

static int yield_often(void *arg)
{
	int *n = arg, r = 0;

	for (*n = 0; *n < 10 && r >= 0; (*n)++)
		r = wait_yield();
	return r;
}

Test(offload, lets_other_tasks_run_meanwhile)
{
	struct gated_call gate;
	struct root blocked, other;
	int n;

	gated_call_init(&gate, 3);
	root_start(&w, &blocked, "blocked", offload_gate, &gate);
	root_start(&w, &other, "other", yield_often, &n);
	finish(&other);
	cr_assert_eq(n, 10);
	cr_assert_not(blocked.is_done);
	gated_call_let(&gate);
	finish(&blocked);
	cr_assert_eq(blocked.result, 3);
}

Test(offload, takes_no_virtual_time)
{
	struct gated_call gate;
	struct root blocked, sleeper;

	gated_call_init(&gate, 0);
	root_start(&w, &sleeper, "sleeper", sleep_100, NULL);
	root_start(&w, &blocked, "blocked", offload_gate, &gate);
	gated_call_await(&gate);
	gated_call_let(&gate);
	finish(&blocked);
	cr_assert_eq(world_now(&w), 0);
	cr_assert_not(sleeper.is_done);
	loop_run(w.loop);
	cr_assert(sleeper.is_done);
	cr_assert_eq(world_now(&w), 100);
}

/* What the task has heard: of the offloaded call, and of the next one. */
struct heard {
	struct gated_call gate;
	int first, next;
};

static int offload_and_sleep(void *arg)
{
	struct heard *heard = arg;

	heard->first = offload(gated_call_run, &heard->gate);
	heard->next = wait_sleep(1);
	return 0;
}

Test(offload, cancelled_before_it_begins_never_does)
{
	struct gated_call gate;
	struct heard heard;
	struct root holder, root;

	gated_call_init(&gate, 0);
	gated_call_init(&heard.gate, 0);
	root_start(&w, &holder, "holder", offload_gate, &gate);
	gated_call_await(&gate);
	root_start(&w, &root, "queued", offload_and_sleep, &heard);
	task_cancel(root.task, REASON_DISCONNECT);
	finish(&root);
	cr_assert_eq(heard.first, -ECANCELED);
	cr_assert_not(holder.is_done);
	gated_call_let(&gate);
	finish(&holder);
	cr_assert_eq(heard.gate.n_calls, 0);
}

Test(offload, cancelled_while_it_runs_is_waited_for)
{
	struct heard heard;
	struct root root;

	gated_call_init(&heard.gate, 5);
	root_start(&w, &root, "runs", offload_and_sleep, &heard);
	gated_call_await(&heard.gate);
	task_cancel(root.task, REASON_DISCONNECT);
	for (int i = 0; i < 5; i++)
		loop_turn(w.loop, false);
	cr_assert_not(root.is_done);
	gated_call_let(&heard.gate);
	finish(&root);
	cr_assert_eq(heard.first, 5, "an operation that has completed returns its result");
	cr_assert_eq(heard.next, -ECANCELED, "and the next one fails");
}

Test(offload, cancelled_while_it_runs_is_unwanted)
{
	struct heard heard;
	struct root root;

	gated_call_init(&heard.gate, -EINTR);
	heard.gate.is_unwanted = offload_is_unwanted;
	root_start(&w, &root, "runs", offload_and_sleep, &heard);
	gated_call_await(&heard.gate);
	task_cancel(root.task, REASON_DISCONNECT);
	finish(&root);
	cr_assert(heard.gate.was_unwanted);
	cr_assert_eq(heard.first, -EINTR);
}

Test(offload, cancelled_when_it_has_returned_gives_its_result)
{
	struct heard heard;
	struct root root;

	gated_call_init(&heard.gate, 5);
	root_start(&w, &root, "runs", offload_and_sleep, &heard);
	gated_call_let(&heard.gate);
	/* The thread has it, and posts; that is taken, and then the task is cancelled. */
	loop_hold(w.loop);
	while (root.task->wait)
		loop_take_posts(w.loop);
	loop_release(w.loop);
	task_cancel(root.task, REASON_DISCONNECT);
	finish(&root);
	cr_assert_eq(heard.first, 5);
	cr_assert_eq(heard.next, -ECANCELED);
}

static int offload_cancelled(void *arg)
{
	task_cancel(task_current(), REASON_EXPLICIT);
	return offload_gate(arg);
}

Test(offload, of_a_cancelled_task_is_not_even_queued)
{
	struct gated_call gate;

	gated_call_init(&gate, 0);
	cr_assert_eq(world_run(&w, offload_cancelled, &gate), -ECANCELED);
	cr_assert_eq(gate.n_calls, 0);
	cr_assert_null(w.sched->threads);
}

static int offload_shielded(void *arg)
{
	deadline_push_shield(1000);
	return deadline_pop_shield(offload_gate(arg));
}

Test(offload, in_a_shield_goes_on_although_cancelled)
{
	struct gated_call gate, queued;
	struct root holder, root;

	gated_call_init(&gate, 0);
	gated_call_init(&queued, 8);
	root_start(&w, &holder, "holder", offload_gate, &gate);
	gated_call_await(&gate);
	root_start(&w, &root, "queued", offload_shielded, &queued);
	task_cancel(root.task, REASON_DISCONNECT);
	gated_call_let(&gate);
	gated_call_let(&queued);
	finish(&root);
	cr_assert_eq(root.result, 8);
}

static int offload_too_late(void *arg)
{
	deadline_push(0);
	return deadline_pop(offload_gate(arg));
}

Test(offload, past_its_deadline_is_not_even_queued)
{
	struct gated_call gate;

	gated_call_init(&gate, 0);
	cr_assert_eq(world_run(&w, offload_too_late, &gate), -ETIMEDOUT);
	cr_assert_eq(gate.n_calls, 0);
}

Test(offload, without_threads_fails)
{
	int n = 1;

	thread_fail(true);
	cr_assert_eq(world_run(&w, offload_answer, &n), -EAGAIN);
	thread_fail(false);
	cr_assert_eq(world_run(&w, offload_answer, &n), 1);
}

Test(offload, without_memory_fails)
{
	int n = 1;

	(void)world_run(&w, yield_often, &(int){ 0 }); /* a stack is there */
	oom_fail_at(1);
	cr_assert_eq(world_run(&w, offload_answer, &n), -ENOMEM);
	cr_assert(oom_has_failed());
	cr_assert_eq(world_run(&w, offload_answer, &n), 1);
}

Test(offload, is_for_tasks_only)
{
	int n = 1;

	cr_assert_eq(offload_answer(&n), -EDEADLK);
	cr_assert_not(offload_is_unwanted());
}

static int offload_in_a_thread(void *arg)
{
	return offload_answer(arg);
}

static int offload_twice(void *arg)
{
	return offload(offload_in_a_thread, arg);
}

Test(offload, is_not_for_what_is_offloaded_already)
{
	int n = 1;

	cr_assert_eq(world_run(&w, offload_twice, &n), -EDEADLK);
}

/* ---- forgotten */

static int count(void *arg)
{
	(void)__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
	return -EIO;
}

Test(offload, forgotten_runs_once)
{
	int n = 0;

	offload_forget(count, &n);
	loop_run(w.loop);
	cr_assert_eq(n, 1);
}

static int forget(void *arg)
{
	pthread_t *thread = arg;

	*thread = pthread_self();
	offload_forget(tell_thread, thread);
	return 0;
}

Test(offload, forgotten_by_a_task_runs_on_a_thread)
{
	pthread_t thread;

	cr_assert_eq(world_run(&w, forget, &thread), 0);
	loop_run(w.loop);
	cr_assert_not(pthread_equal(thread, pthread_self()));
}

static int tell_nice(void *arg)
{
	*(int *)arg = getpriority(PRIO_PROCESS, (id_t)gettid());
	return 0;
}

static int offload_both_ways(void *arg)
{
	int *nices = arg, r;

	r = offload(tell_nice, &nices[0]);
	return r < 0 ? r : offload_bulk(tell_nice, &nices[1]);
}

Test(offload, bulk_stands_back)
{
	int usual = getpriority(PRIO_PROCESS, 0), nices[2];

	cr_assert_eq(world_run(&w, offload_both_ways, nices), 0);
	cr_assert_eq(nices[0], usual);
	cr_assert_eq(nices[1], OFFLOAD_BULK_NICE);
}

/* The one thread for what blocks is taken, and bulk runs all the same. */
static int bulk_beside(void *arg)
{
	struct gated_call *gate = arg;
	int n = 42, r;

	offload_forget(gated_call_run, gate);
	r = offload_bulk(answer, &n);
	gated_call_let(gate);
	return r;
}

Test(offload, bulk_does_not_wait_for_what_blocks)
{
	struct gated_call gate;

	gated_call_init(&gate, 0);
	cr_assert_eq(world_run(&w, bulk_beside, &gate), 42);
	loop_run(w.loop);
	cr_assert_eq(gate.n_calls, 1);
}

Test(offload, bulk_is_forgotten_too)
{
	int n = 0;

	offload_bulk_forget(count, &n);
	loop_run(w.loop);
	cr_assert_eq(n, 1);
}

Test(offload, forgotten_still_runs_when_the_scheduler_goes)
{
	struct gated_call gate;
	int n = 0;

	gated_call_init(&gate, 0);
	offload_forget(gated_call_run, &gate);
	for (int i = 0; i < 10; i++)
		offload_forget(count, &n);
	gated_call_let(&gate);
	w.sched = sched_free(w.sched);
	cr_assert_eq(gate.n_calls, 1);
	cr_assert_eq(n, 10);
}

Test(offload, forgotten_runs_at_once_without_threads_or_memory)
{
	pthread_t thread = { 0 };
	int n = 0;

	thread_fail(true);
	offload_forget(tell_thread, &thread);
	thread_fail(false);
	cr_assert(pthread_equal(thread, pthread_self()));

	oom_fail_at(1);
	offload_forget(count, &n);
	cr_assert(oom_has_failed());
	cr_assert_eq(n, 1);
}

TestSuite(offload_alone);

Test(offload_alone, forgotten_runs_at_once_without_a_scheduler)
{
	int n = 0;

	offload_forget(count, &n);
	cr_assert_eq(n, 1);
}

/* On a real clock: in virtual time none passes while anything is queued. */
static void open_real(void)
{
	struct sched_opts opts = { .threads = 1 };

	cr_assert_eq(loop_new(&w.loop), 0);
	cr_assert_eq(sched_new(w.loop, &opts, &w.sched), 0);
}

static void close_real(void)
{
	w.sched = sched_free(w.sched);
	w.loop = loop_free(w.loop);
}

static int offload_within_5(void *arg)
{
	deadline_push(5);
	return deadline_pop(offload_and_sleep(arg));
}

Test(offload_alone, past_its_deadline_before_it_begins_never_does)
{
	struct gated_call gate;
	struct root holder, root;
	struct heard heard;

	open_real();
	gated_call_init(&gate, 0);
	gated_call_init(&heard.gate, 0);
	root_start(&w, &holder, "holder", offload_gate, &gate);
	gated_call_await(&gate);
	root_start(&w, &root, "queued", offload_within_5, &heard);
	finish(&root);
	cr_assert_eq(heard.first, -ETIMEDOUT);
	cr_assert_eq(heard.next, -ETIMEDOUT);
	cr_assert_eq(heard.gate.n_calls, 0);
	gated_call_let(&gate);
	finish(&holder);
	close_real();
}

Test(offload_alone, past_its_deadline_while_it_runs_is_unwanted_and_waited_for)
{
	struct heard heard;
	struct root root;

	open_real();
	gated_call_init(&heard.gate, 6);
	heard.gate.is_unwanted = offload_is_unwanted;
	root_start(&w, &root, "runs", offload_within_5, &heard);
	gated_call_await(&heard.gate);
	finish(&root);
	cr_assert(heard.gate.was_unwanted);
	cr_assert_eq(heard.first, 6);
	cr_assert_eq(heard.next, -ETIMEDOUT);
	close_real();
}

/* Many tasks, some cancelled at any point of their calls: for ThreadSanitizer and ASan. */
enum { STORM = 1000 };

static int offload_count(void *arg)
{
	int r;

	r = offload(count, arg);
	return r == -EIO ? 0 : r;
}

static int check_storm(const struct root *roots)
{
	int n_called = 0;

	for (size_t i = 0; i < STORM; i++) {
		cr_assert(roots[i].is_done);
		cr_assert(roots[i].result == 0 || roots[i].result == -ECANCELED);
		n_called += roots[i].result == 0;
	}
	return n_called;
}

Test(offload_alone, tells_each_task_whether_its_call_was_made)
{
	struct root *roots = calloc(STORM, sizeof(*roots));
	int n = 0;

	world_open(&w);
	for (size_t i = 0; i < STORM; i++) {
		root_start(&w, &roots[i], "storm", offload_count, &n);
		if (i % 2 == 0 && roots[i].task)
			task_cancel(roots[i].task, REASON_DISCONNECT);
		if (i % 5 == 0)
			loop_turn(w.loop, false);
		if (i % 3 == 0 && roots[i / 2].task)
			task_cancel(roots[i / 2].task, REASON_DISCONNECT);
	}
	loop_run(w.loop);
	cr_assert_eq(check_storm(roots), n);
	world_close(&w);
	free(roots);
}
