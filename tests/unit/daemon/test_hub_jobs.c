/* test_hub_jobs.c - how jobs go; test_hub_jobs_ends.c is for those who die and who talk nonsense. */
#include "daemon/hub_jobs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub_jobs_world.h"
#include "oom.h"

/* ---- there and back */

Test(hub_jobs, a_job_goes_to_a_process_and_its_result_back)
{
	struct job_packet p;
	struct world w;
	uint64_t number;

	world_begin(&w);
	world_add_idle(&w, 0);
	world_submit(&w, 1, 77);
	cr_assert_eq(world_take(&w, w.workers[1], JOB_STARTED).id, 77u);
	p = world_take(&w, w.children[0], JOB_RUN);
	cr_assert(weir_str_eq(p.module, WEIR_STR("primes")));
	cr_assert(weir_str_eq(p.name, WEIR_STR("count")));
	cr_assert(weir_str_eq(p.bytes, WEIR_STR("12")));
	cr_assert_eq(p.deadline_ms, INT64_MAX);
	number = p.id;
	world_say(&w, w.children[0],
		  &(struct job_packet){
			  .word = JOB_PROGRESS, .id = number, .bytes = WEIR_STR("half") });
	p = world_take(&w, w.workers[1], JOB_PROGRESS);
	cr_assert_eq(p.id, 77u);
	cr_assert(weir_str_eq(p.bytes, WEIR_STR("half")));
	world_say(&w, w.children[0],
		  &(struct job_packet){ .word = JOB_ENDED,
					.id = number,
					.result = -EDOM,
					.resident = 4096,
					.bytes = WEIR_STR("5") });
	p = world_take(&w, w.workers[1], JOB_ENDED);
	cr_assert_eq(p.id, 77u);
	cr_assert_eq(p.result, -EDOM);
	cr_assert_eq(p.resident, 0u);
	cr_assert(weir_str_eq(p.bytes, WEIR_STR("5")));
	world_expect_nothing(&w, w.workers[0]);
	world_expect_no_control(&w);
	world_done(&w);
}

Test(hub_jobs, a_job_waits_for_a_process)
{
	struct world w;

	world_begin(&w);
	world_submit(&w, 0, 1);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_QUEUED).id, 1u);
	world_add_idle(&w, 0);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_STARTED).id, 1u);
	(void)world_take(&w, w.children[0], JOB_RUN);
	world_done(&w);
}

Test(hub_jobs, what_cannot_run_is_refused)
{
	struct job_packet p = world_submit_packet(1);
	struct world w;

	world_begin(&w);
	p.pool = WEIR_STR("fast");
	world_say(&w, w.workers[0], &p);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_REFUSED).result, -ENOENT);
	for (uint64_t i = 1; i <= 2; i++) {
		world_submit(&w, 0, i);
		(void)world_take(&w, w.workers[0], JOB_QUEUED);
	}
	world_submit(&w, 0, 3);
	p = world_take(&w, w.workers[0], JOB_REFUSED);
	cr_assert_eq(p.id, 3u);
	cr_assert_eq(p.result, -EAGAIN);
	world_done(&w);
}

static unsigned n_open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(hub_jobs, large_payloads_pass_through)
{
	struct job_packet p = world_submit_packet(1);
	unsigned n_fds;
	uint64_t number;
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 0);
	n_fds = n_open_fds();
	p.bytes = (weir_str){ 0 };
	p.fd = dup(0);
	p.fd_len = 70000;
	world_say(&w, w.workers[0], &p);
	(void)close(p.fd);
	(void)world_take(&w, w.workers[0], JOB_STARTED);
	p = world_take(&w, w.children[0], JOB_RUN);
	cr_assert_eq(p.fd_len, 70000u);
	number = p.id;
	world_say(&w, w.children[0],
		  &(struct job_packet){
			  .word = JOB_ENDED, .id = number, .fd = p.fd, .fd_len = 90000 });
	(void)close(p.fd);
	p = world_take(&w, w.workers[0], JOB_ENDED);
	cr_assert_eq(p.fd_len, 90000u);
	(void)close(p.fd);
	cr_assert_eq(n_open_fds(), n_fds);
	world_done(&w);
}

Test(hub_jobs, a_payload_that_got_lost_costs_only_its_job)
{
	struct job_packet p = world_submit_packet(1);
	uint64_t number;
	struct world w;

	world_begin(&w);
	p.bytes = (weir_str){ 0 };
	p.fd = -1;
	p.fd_len = 70000;
	world_say(&w, w.workers[0], &p);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_REFUSED).result, -EAGAIN);
	number = world_run_one(&w, 2);
	world_say(
		&w, w.children[0],
		&(struct job_packet){ .word = JOB_ENDED, .id = number, .fd = -1, .fd_len = 70000 });
	p = world_take(&w, w.workers[0], JOB_ENDED);
	cr_assert_eq(p.result, -EMFILE);
	cr_assert_eq(p.fd_len, 0u);
	world_submit(&w, 0, 3);
	(void)world_take(&w, w.workers[0], JOB_STARTED);
	world_done(&w);
}

/* ---- who does not listen */

/* How many words of this size the socket of a worker holds. */
static unsigned n_that_fit(void)
{
	struct job_packet p = { .word = JOB_REFUSED, .result = -ENOENT };
	unsigned n = 0;
	int fds[2];

	cr_assert_eq(ipc_pair(fds), 0);
	while (job_wire_send(fds[0], &p) == 0)
		n++;
	(void)close(fds[0]);
	(void)close(fds[1]);
	return n;
}

/* Refusals that it does not read. */
static void fill(struct world *w, unsigned slot, unsigned n)
{
	struct job_packet p = world_submit_packet(999);

	p.pool = WEIR_STR("fast");
	for (unsigned i = 0; i < n; i++)
		world_say(w, w->workers[slot], &p);
}

static void read_refusals(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)world_take(w, w->workers[0], JOB_REFUSED);
}

/* Child 0 is to run a job of worker 0's, which does not read that; how many refusals lie before it. */
static unsigned begin_held(struct world *w)
{
	unsigned n = n_that_fit();

	world_begin(w);
	world_add_idle(w, 0);
	fill(w, 0, n);
	world_submit(w, 0, 1);
	return n;
}

Test(hub_jobs, a_process_hears_of_a_job_only_when_its_worker_knows_that_it_was_started)
{
	struct world w;
	unsigned n = begin_held(&w);

	world_expect_nothing(&w, w.children[0]);
	read_refusals(&w, n);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_STARTED).id, 1u);
	(void)world_take(&w, w.children[0], JOB_RUN);
	world_done(&w);
}

Test(hub_jobs, a_job_cancelled_before_that_is_asked_after_it)
{
	struct world w;
	unsigned n = begin_held(&w);

	world_say(&w, w.workers[0], &(struct job_packet){ .word = JOB_CANCEL, .id = 1 });
	read_refusals(&w, n);
	world_turns(&w);
	(void)world_take(&w, w.children[0], JOB_RUN);
	(void)world_take(&w, w.children[0], JOB_CANCEL);
	world_done(&w);
}

Test(hub_jobs, a_job_that_its_process_has_not_heard_of_goes_with_its_worker)
{
	struct world w;

	(void)begin_held(&w);
	world_submit(&w, 0, 2);
	world_submit(&w, 1, 3);
	(void)world_take(&w, w.workers[1], JOB_QUEUED);
	(void)close(w.workers[0]);
	w.workers[0] = -1;
	world_turns(&w);
	(void)world_take(&w, w.workers[1], JOB_STARTED);
	(void)world_take(&w, w.children[0], JOB_RUN);
	world_wait_ms(&w, 2 * GRACE_MS);
	world_expect_no_control(&w);
	cr_assert_str_eq(world_said(&w), "");
	world_done(&w);
}

Test(hub_jobs, who_does_not_read_has_no_job_started_and_holds_up_nobody)
{
	unsigned n = n_that_fit();
	struct world w;

	world_begin(&w);
	fill(&w, 0, n + 1);
	world_submit(&w, 0, 1);
	world_add_idle(&w, 0);
	world_submit(&w, 1, 2);
	(void)world_take(&w, w.workers[1], JOB_STARTED);
	(void)world_take(&w, w.children[0], JOB_RUN);
	world_add_idle(&w, 1);
	world_expect_nothing(&w, w.children[1]);
	read_refusals(&w, n + 1);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_QUEUED).id, 1u);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_STARTED).id, 1u);
	(void)world_take(&w, w.children[1], JOB_RUN);
	world_done(&w);
}

/* ---- cancelling and time */

Test(hub_jobs, a_cancelled_job_is_asked_and_then_its_process_killed)
{
	struct job_packet p;
	struct world w;
	uint64_t number;

	world_begin(&w);
	number = world_run_one(&w, 1);
	world_say(&w, w.workers[0], &(struct job_packet){ .word = JOB_CANCEL, .id = 1 });
	cr_assert_eq(world_take(&w, w.children[0], JOB_CANCEL).id, number);
	world_wait_ms(&w, GRACE_MS - 1);
	world_expect_no_control(&w);
	world_wait_ms(&w, 1);
	world_expect_control(&w, CONTROL_JOB_KILL, 0);
	world_expect_nothing(&w, w.workers[0]);
	hub_jobs_ended(&w.jobs, 0, SIGKILL);
	p = world_take(&w, w.workers[0], JOB_ENDED);
	cr_assert_eq(p.result, -ECANCELED);
	cr_assert_eq(p.status, 0);
	cr_assert_not_null(
		strstr(world_said(&w), "job primes.count of pool default was cancelled"));
	cr_assert_eq(world_n_lines(w.said), 1u);
	world_done(&w);
}

Test(hub_jobs, a_deadline_ends_a_running_job)
{
	struct job_packet p = world_submit_packet(1);
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 0);
	p.deadline_ms = loop_now_ms(w.loop) + 50;
	world_say(&w, w.workers[0], &p);
	(void)world_take(&w, w.workers[0], JOB_STARTED);
	cr_assert_eq(world_take(&w, w.children[0], JOB_RUN).deadline_ms, loop_now_ms(w.loop) + 50);
	world_wait_ms(&w, 49);
	world_expect_nothing(&w, w.children[0]);
	world_wait_ms(&w, 1);
	p = world_take(&w, w.children[0], JOB_CANCEL);
	world_say(&w, w.children[0], &(struct job_packet){ .word = JOB_ENDED, .id = p.id });
	cr_assert_eq(world_take(&w, w.workers[0], JOB_ENDED).result, -ETIMEDOUT);
	cr_assert_str_eq(world_said(&w), "");
	world_done(&w);
}

Test(hub_jobs, a_busy_master_is_told_again)
{
	struct ipc_message message;
	struct world w;
	int r;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	do
		r = control_send_ready(w.hub_control);
	while (r == 0);
	world_say(&w, w.workers[0], &(struct job_packet){ .word = JOB_CANCEL, .id = 1 });
	world_wait_ms(&w, GRACE_MS);
	do
		r = control_receive(w.control, &message);
	while (r == 1 && message.type == CONTROL_READY);
	cr_assert_eq(r, -EAGAIN);
	world_wait_ms(&w, 20);
	world_expect_control(&w, CONTROL_JOB_KILL, 0);
	world_wait_ms(&w, 100);
	world_expect_no_control(&w);
	world_done(&w);
}

Test(hub_jobs, a_process_that_is_used_up_is_retired)
{
	struct world w;
	uint64_t number;

	world_begin(&w);
	w.plan.pools[0].recycle_jobs = 1;
	world_set(&w, 0);
	number = world_run_one(&w, 1);
	world_say(&w, w.children[0], &(struct job_packet){ .word = JOB_ENDED, .id = number });
	world_expect_control(&w, CONTROL_JOB_RETIRE, 0);
	world_submit(&w, 0, 2);
	world_expect_nothing(&w, w.children[0]);
	(void)close(steal_fd(w.children[0]));
	world_turns(&w);
	hub_jobs_ended(&w.jobs, 0, 0);
	world_wait_ms(&w, 1000);
	world_expect_no_control(&w);
	cr_assert_str_eq(world_said(&w), "");
	world_done(&w);
}

/* ---- workers that talk nonsense */

Test(hub_jobs, a_worker_that_talks_nonsense_has_no_jobs_any_more)
{
	struct job_packet p;
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	world_submit(&w, 0, 2);
	cr_assert_eq(send(w.workers[0], "garbage", 7, 0), 7);
	(void)world_take(&w, w.children[0], JOB_CANCEL);
	while (job_wire_receive(w.workers[0], w.buf, &p) == 1)
		;
	cr_assert_eq(job_wire_receive(w.workers[0], w.buf, &p), 0);
	cr_assert_eq(w.jobs.pools.pools[0].queue.n, 0u);
	cr_assert_not_null(strstr(world_said(&w), "worker 0 sends what makes no sense"));
	cr_assert_eq(world_n_lines(w.said), 1u);
	world_done(&w);
}

Test(hub_jobs, a_worker_that_uses_a_number_twice_talks_nonsense)
{
	struct world w;

	world_begin(&w);
	world_submit(&w, 0, 1);
	world_submit(&w, 0, 1);
	cr_assert_not_null(strstr(world_said(&w), "worker 0 sends what makes no sense"));
	world_done(&w);
}

Test(hub_jobs, a_worker_that_says_what_only_the_hub_says_talks_nonsense)
{
	struct world w;

	world_begin(&w);
	world_say(&w, w.workers[1],
		  &(struct job_packet){ .word = JOB_ENDED, .fd = 0, .fd_len = 1 });
	cr_assert_not_null(strstr(world_said(&w), "worker 1 sends what makes no sense"));
	world_done(&w);
}

Test(hub_jobs, the_next_worker_in_a_slot_has_nothing_of_the_former)
{
	struct world w;
	uint64_t number;

	world_begin(&w);
	number = world_run_one(&w, 1);
	(void)close(w.workers[0]);
	world_connect_worker(&w, 0);
	(void)world_take(&w, w.children[0], JOB_CANCEL);
	world_submit(&w, 0, 1);
	(void)world_take(&w, w.workers[0], JOB_QUEUED);
	world_say(&w, w.children[0], &(struct job_packet){ .word = JOB_ENDED, .id = number });
	(void)world_take(&w, w.workers[0], JOB_STARTED);
	world_expect_nothing(&w, w.workers[0]);
	cr_assert_str_eq(world_said(&w), "");
	world_done(&w);
}

Test(hub_jobs, it_says_what_it_has_counted)
{
	struct job_pool_counts now;
	struct world w;
	uint64_t number;

	world_begin(&w);
	hub_jobs_say_counts(&w.jobs);
	cr_assert_str_eq(world_said(&w), "", "nothing of a pool that was not used");
	number = world_run_one(&w, 1);
	world_say(&w, w.children[0], &(struct job_packet){ .word = JOB_ENDED, .id = number });
	world_submit(&w, 0, 2);
	world_submit(&w, 0, 3);
	now = job_counts_read(job_counts_at(&w.counts, 0));
	cr_assert_eq(now.submitted, 3u);
	cr_assert_eq(now.running, 1u);
	cr_assert_eq(now.waiting, 1u);
	world_submit(&w, 0, 4);
	world_submit(&w, 0, 5);
	world_say(&w, w.workers[0], &(struct job_packet){ .word = JOB_CANCEL, .id = 3 });
	hub_jobs_ended(&w.jobs, 0, SIGKILL);
	hub_jobs_say_counts(&w.jobs);
	cr_assert_not_null(strstr(world_said(&w),
				  "jobs of pool default: 4 submitted, 1 done, 2 failed, "
				  "0 killed, 1 refused; "),
			   "%s", w.said);
	world_done(&w);
}

Test(hub_jobs, without_memory_it_is_not_there)
{
	struct hub_jobs_setup setup;
	struct world w;

	world_begin(&w);
	setup = w.jobs.setup;
	for (unsigned n = 1;; n++) {
		struct hub_jobs jobs;
		int r;

		oom_fail_at(n);
		r = hub_jobs_init(&jobs, &setup);
		if (!oom_has_failed()) {
			hub_jobs_done(&jobs);
			break;
		}
		cr_assert_eq(r, -ENOMEM);
	}
	world_done(&w);
}

Test(hub_jobs, without_memory_a_job_is_refused)
{
	struct world w;

	world_begin(&w);
	oom_fail_at(1);
	world_submit(&w, 0, 1);
	cr_assert(oom_has_failed());
	cr_assert_eq(world_take(&w, w.workers[0], JOB_REFUSED).result, -ENOMEM);
	world_done(&w);
}

/* ---- reloads */

static void submit_slow(struct world *w, uint64_t id)
{
	struct job_packet packet = world_submit_packet(id);

	packet.pool = WEIR_STR("slow");
	world_say(w, w->workers[0], &packet);
}

static void set_slow(struct world *w, enum job_plan_state state)
{
	w->plan.pools[5] = w->plan.pools[0];
	(void)strcpy(w->plan.pools[5].name, "slow");
	w->plan.pools[5].state = state;
	world_set(w, 5);
}

Test(hub_jobs, a_pool_comes_and_goes_with_a_reload)
{
	struct job_packet p;
	struct world w;

	world_begin(&w);
	submit_slow(&w, 1);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_REFUSED).result, -ENOENT);
	set_slow(&w, JOB_PLAN_SERVES);
	submit_slow(&w, 1);
	(void)world_take(&w, w.workers[0], JOB_QUEUED);
	set_slow(&w, JOB_PLAN_LEAVES);
	submit_slow(&w, 2);
	(void)world_take(&w, w.workers[0], JOB_QUEUED);
	set_slow(&w, JOB_PLAN_ENDS);
	submit_slow(&w, 3);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_REFUSED).result, -ENOENT);
	cr_assert_str_eq(world_said(&w), "");
	set_slow(&w, JOB_PLAN_NONE);
	for (uint64_t id = 1; id <= 2; id++) {
		p = world_take(&w, w.workers[0], JOB_ENDED);
		cr_assert_eq(p.id, id);
		cr_assert_eq(p.result, -ECHILD);
	}
	cr_assert_not_null(
		strstr(world_said(&w), "jobs of pool slow: 2 submitted, 0 done, 2 failed, "), "%s",
		w.said);
	world_done(&w);
}

Test(hub_jobs, each_pool_is_counted_by_its_name)
{
	const struct job_pool_counts *counts;
	struct world w;

	world_begin(&w);
	set_slow(&w, JOB_PLAN_SERVES);
	submit_slow(&w, 1);
	counts = job_counts_at(&w.counts, 5);
	cr_assert_str_eq(counts->name, "slow");
	cr_assert(counts->is_open);
	cr_assert_eq(counts->submitted, 1u);
	set_slow(&w, JOB_PLAN_NONE);
	cr_assert_not(counts->is_open);
	cr_assert_eq(counts->submitted, 1u);
	cr_assert_str_eq(job_counts_at(&w.counts, 0)->name, "default");
	world_done(&w);
}
