/*
 * The public words, as modules use them: what each does is tested with coro/;
 * here it is that the macros, the numbers and the casts mean it.
 */
#include <weir/coro.h>

#include <criterion/criterion.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>
#include <weir/http.h>
#include <weir/test.h>

#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "io/loop.h"

static struct loop *loop;
static struct sched *sched;
static struct log error_log;

static void setup(void)
{
	struct sched_opts opts = { .log = &error_log };

	log_init(&error_log, memfd_create("log", MFD_CLOEXEC), LOG_AT_DEBUG);
	error_log.has_time = false;
	cr_assert_eq(loop_new_virtual(&loop), 0);
	cr_assert_eq(sched_new(loop, &opts, &sched), 0);
}

static void teardown(void)
{
	sched = sched_free(sched);
	loop = loop_free(loop);
	(void)close(error_log.fd);
}

TestSuite(coro_api, .init = setup, .fini = teardown);

struct run {
	struct task_spec spec;
	struct task *task;
	int result;
};

static void on_done(struct task_spec *spec, int result)
{
	struct run *run = container_of(spec, struct run, spec);

	run->task = NULL;
	run->result = result;
}

static void start(struct run *run, weir_fn *fn, void *arg)
{
	*run = (struct run){ .spec = { .fn = fn, .arg = arg, .name = "test", .done = on_done } };
	cr_assert_eq(task_start(sched, &run->spec, &run->task), 0);
}

static int run_to_end(weir_fn *fn, void *arg)
{
	struct run run;

	start(&run, fn, arg);
	if (run.task)
		loop_run(loop);
	cr_assert_null(run.task);
	return run.result;
}

static int64_t elapsed_ms(void)
{
	return loop_now_ms(loop) - 1000;
}

static int sleep_100(void *arg)
{
	return weir_sleep(100);
}

static int fail_at_once(void *arg)
{
	return -EIO;
}

static int return_from_the_middle(void *arg)
{
	WEIR_GROUP(g, WEIR_ALL);

	(void)weir_spawn(g, sleep_100, NULL);
	if (arg)
		return weir_cancel_reason() == WEIR_RUNNING ? 7 : -1;
	return weir_join(g);
}

Test(coro_api, return_inside_of_a_block_cancels_and_waits)
{
	int any;

	cr_assert_eq(run_to_end(return_from_the_middle, &any), 7);
	cr_assert_eq(elapsed_ms(), 0);
	cr_assert_eq(sched_n_tasks(sched), 0);
	cr_assert_eq(run_to_end(return_from_the_middle, NULL), 0);
	cr_assert_eq(elapsed_ms(), 100);
}

static int deadlines(void *arg)
{
	int r;

	r = weir_within(50, weir_sleep(100));
	cr_assert_eq(r, -ETIMEDOUT);
	cr_assert_not(weir_deadline_passed());
	r = weir_within(50, weir_within(10, weir_sleep(100)));
	cr_assert_eq(r, -ETIMEDOUT);
	cr_assert_eq(elapsed_ms(), 60);
	return weir_within(1000, weir_sleep(40));
}

Test(coro_api, within_wraps_an_expression)
{
	cr_assert_eq(run_to_end(deadlines, NULL), 0);
	cr_assert_eq(elapsed_ms(), 100);
}

static int poll_until_late(void *arg)
{
	int n = 0;

	while (!weir_deadline_passed() && weir_within(10, weir_sleep(1000)) == -ETIMEDOUT)
		n++;
	return n;
}

static int loop_inside_within(void *arg)
{
	return weir_within(35, poll_until_late(NULL));
}

Test(coro_api, a_loop_around_within_ends_when_the_outer_deadline_has_passed)
{
	cr_assert_eq(run_to_end(loop_inside_within, NULL), 4);
	cr_assert_eq(elapsed_ms(), 35);
}

static int undo(void *arg)
{
	int r;

	r = weir_sleep(1000);
	cr_assert_eq(r, -ECANCELED);
	cr_assert_eq(weir_cancel_reason(), WEIR_DISCONNECT);
	r = weir_shielded(500, weir_sleep(100));
	cr_assert_eq(r, 0);
	return weir_yield();
}

Test(coro_api, shielded_runs_although_cancelled)
{
	struct run run;

	start(&run, undo, NULL);
	task_cancel(run.task, REASON_DISCONNECT);
	loop_run(loop);
	cr_assert_eq(run.result, -ECANCELED);
	cr_assert_eq(elapsed_ms(), 100);
}

static int unseen_error(void *arg)
{
	WEIR_GROUP(g, WEIR_EACH);

	(void)weir_spawn(g, fail_at_once, NULL);
	return weir_join(g);
}

Test(coro_api, an_unseen_error_is_logged_with_the_place_of_its_spawn)
{
	char text[512] = "";

	cr_assert_eq(run_to_end(unseen_error, NULL), 0);
	cr_assert_gt(pread(error_log.fd, text, sizeof(text) - 1, 0), 0);
	cr_assert_not_null(strstr(text, "task fail_at_once ("));
	cr_assert_not_null(strstr(text, "test_coro_api.c:"));
	cr_assert_not_null(strstr(text, "returned EIO (-5) and nobody looked"));
}

static int collect(void *arg)
{
	int64_t ms[] = { 30, 10 };
	WEIR_GROUP(g, WEIR_EACH);
	weir_task *t;
	int r, n = 0;

	(void)weir_spawn(g, sleep_100, &ms[0]);
	t = weir_spawn(g, fail_at_once, &ms[1]);
	cr_assert_eq(weir_task_result(t), -EINPROGRESS);
	while ((r = weir_next(g, &t)) == 1) {
		cr_assert_eq(weir_task_arg(t), n == 0 ? &ms[1] : &ms[0]);
		cr_assert_eq(weir_task_result(t), n == 0 ? -EIO : 0);
		n++;
	}
	return r < 0 ? r : n;
}

Test(coro_api, next_collects_in_order_of_completion)
{
	cr_assert_eq(run_to_end(collect, NULL), 2);
}

static int cancel_one(void *arg)
{
	WEIR_GROUP(g, WEIR_ALL);

	weir_cancel(weir_spawn(g, sleep_100, NULL));
	return weir_join(g);
}

Test(coro_api, one_task_can_be_cancelled)
{
	cr_assert_eq(run_to_end(cancel_one, NULL), 0);
	cr_assert_eq(elapsed_ms(), 0);
}

static int double_it(void *arg)
{
	*(int *)arg *= 2;
	return weir_sleep(*(int *)arg);
}

static int gather(void *arg)
{
	int items[] = { 1, 2, 3 };
	int r;

	r = weir_gather(double_it, items, 3);
	return r < 0 ? r : items[0] + items[1] + items[2];
}

Test(coro_api, gather_calls_one_function_for_many_items)
{
	cr_assert_eq(run_to_end(gather, NULL), 12);
	cr_assert_eq(elapsed_ms(), 6);
}

struct shared {
	weir_mutex mutex;
	weir_sem sem;
	weir_chan *chan;
	int n;
};

static int use_shared(void *arg)
{
	struct shared *s = arg;
	int r;

	r = weir_sem_take(&s->sem);
	if (r < 0)
		return r;
	r = weir_lock(&s->mutex);
	if (r < 0)
		return r;
	s->n++;
	r = weir_sleep(10);
	weir_unlock(&s->mutex);
	weir_sem_give(&s->sem);
	return r < 0 ? r : weir_chan_send(s->chan, &s->n);
}

static int share(void *arg)
{
	struct shared s = { .chan = weir_chan_open(sizeof(int), 3) };
	struct shared *const three[] = { &s, &s, &s };
	int item = 0, r;

	weir_sem_init(&s.sem, 2);
	{
		WEIR_GROUP(g, WEIR_ALL);

		for (size_t i = 0; i < 3; i++)
			(void)weir_spawn(g, use_shared, three[i]);
		r = weir_join(g);
	}
	weir_chan_close(s.chan);
	while (r == 0 && weir_chan_recv(s.chan, &item) == 1)
		;
	weir_chan_unref(weir_chan_ref(s.chan));
	weir_chan_unref(s.chan);
	return r < 0 ? r : item;
}

Test(coro_api, mutex_semaphore_and_channel_work_together)
{
	cr_assert_eq(run_to_end(share, NULL), 3);
	cr_assert_eq(elapsed_ms(), 30);
}

static int await(void *arg)
{
	return weir_future_await(arg);
}

Test(coro_api, future_brings_the_result_of_a_callback)
{
	weir_future *f = weir_future_new();
	struct run run;

	start(&run, await, f);
	cr_assert_eq(weir_future_set(f, 42), 0);
	loop_run(loop);
	cr_assert_eq(run.result, 42);
	weir_future_drop(f);
}

static int read_local(void *arg)
{
	return weir_local_get(arg) == arg ? 0 : -EINVAL;
}

static int use_local(void *arg)
{
	WEIR_GROUP(g, WEIR_ALL);

	cr_assert_eq(weir_local_set(arg, arg), 0);
	(void)weir_spawn(g, read_local, arg);
	return weir_join(g);
}

Test(coro_api, local_follows_spawned_tasks)
{
	cr_assert_eq(run_to_end(use_local, weir_local_new()), 0);
}

static int wait_for_pipe(void *arg)
{
	return weir_wait_fd(*(int *)arg, POLLIN);
}

Test(coro_api, wait_fd_speaks_poll)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "x", 1), 1);
	cr_assert_eq(run_to_end(wait_for_pipe, &fds[0]), POLLIN);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Blocking C: what it gets is a pipe, to read a number from. */
static int read_number(void *arg)
{
	char c;

	return read(*(int *)arg, &c, 1) == 1 && !weir_offload_unwanted() ? c : -EIO;
}

static int offload_read(void *arg)
{
	return weir_within(1000, weir_offload(read_number, arg));
}

static int write_later(void *arg)
{
	int r;

	r = weir_yield();
	return r == 0 && write(*(int *)arg, "*", 1) == 1 ? 0 : -EIO;
}

static int read_and_write(void *arg)
{
	int *fds = arg, r;
	weir_task *reader;

	{
		WEIR_GROUP(g, WEIR_EACH);

		reader = weir_spawn(g, offload_read, &fds[0]);
		(void)weir_spawn(g, write_later, &fds[1]);
		r = weir_join(g);
		if (r == 0)
			r = weir_task_result(reader);
	}
	return r;
}

Test(coro_api, offload_awaits_blocking_calls)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(run_to_end(read_and_write, fds), '*');
	cr_assert_eq(elapsed_ms(), 0, "which take no virtual time");
	cr_assert_not(weir_offload_unwanted());
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static int look_at_the_clock(void *arg)
{
	int64_t before = weir_now_ms();

	return weir_sleep(100) < 0 ? -1 : (int)(weir_now_ms() - before);
}

Test(coro_api, now_is_the_loops_clock)
{
	cr_assert_eq(run_to_end(look_at_the_clock, NULL), 100);
}

Test(coro_api, outside_of_tasks_everything_says_so)
{
	weir_mutex mutex = { { NULL } };

	cr_assert_eq(weir_sleep(1), -EDEADLK);
	cr_assert_eq(weir_lock(&mutex), -EDEADLK);
	cr_assert_eq(return_from_the_middle(NULL), -EDEADLK);
	cr_assert_eq(weir_cancel_reason(), WEIR_RUNNING);
	cr_assert_null(weir_spawn_at(weir_group_enter(WEIR_ALL), sleep_100, NULL, "nowhere"));
}

static int run_inside(void *arg)
{
	return weir_run(sleep_100, NULL);
}

Test(coro_api, run_inside_of_another_is_busy)
{
	cr_assert_eq(run_to_end(run_inside, NULL), -EBUSY);
}

TestSuite(coro_api_alone);

static int short_program(void *arg)
{
	cr_assert_eq(weir_sleep(2), 0);
	return run_inside(NULL) == -EBUSY ? *(int *)arg : -1;
}

Test(coro_api_alone, run_is_a_program)
{
	int n = 5;

	cr_assert_eq(weir_run(short_program, &n), 5);
	cr_assert_eq(weir_run(short_program, &n), 5);
	cr_assert_eq(weir_run(fail_at_once, NULL), -EIO);
}

Test(coro_api_alone, offload_is_for_programs)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(weir_run(read_and_write, fds), '*');
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static int offload_and_sleep(void *arg)
{
	int r;

	r = weir_offload(fail_at_once, NULL);
	if (r != -EIO)
		return r;
	return weir_sleep(3600 * 1000);
}

static int handle(weir_req *req)
{
	int r;

	r = weir_gather(offload_and_sleep, (int[3]){ 0 }, 3);
	return r < 0 ? r : weir_respond(req, 200, "text/plain", WEIR_STR("done"));
}

Test(coro_api_alone, offload_is_for_tests_in_virtual_time)
{
	const weir_reply *reply = weir_test_call(handle, .path = "/");

	cr_assert_eq(reply->status, 200);
	cr_assert(weir_str_eq(reply->body, WEIR_STR("done")));
}
