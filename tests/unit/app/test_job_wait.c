/* test_job_wait.c - reports, results, and who waits for them. */
#include <weir/job.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "app/req.h"
#include "app_job.h"
#include "io/sealed.h"

static int seen[8], n_seen;
static char reports[256];
static weir_job *job;
static weir_str result;
static uint32_t flags;

/* A call of its own: what it is given has happened before it counts. */
static int note(int r)
{
	seen[n_seen++] = r;
	return r;
}

static struct app_world *a;
static struct app_job *j;
static struct client *c;

static void ask(weir_handler *handler)
{
	a = app_world_new();
	j = app_job_new(a);
	app_world_route(a, "/", handler);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
	if (j->n_calls == 1)
		app_job_start(j, 0);
}

static bool has_status(const char *status)
{
	return strncmp(client_text(c) + 9, status, 3) == 0;
}

static bool has_body(const char *body)
{
	const char *at = strstr(client_text(c), "\r\n\r\n");

	return at && strcmp(at + 4, body) == 0;
}

/* ---- results */

static int await_one(weir_req *req)
{
	int r;

	r = weir_job_start(req, &job, .name = "count", .flags = flags);
	if (r < 0)
		return r;
	r = weir_job_await(job, &result);
	(void)note(r);
	return r < 0 ? r : weir_respond(req, 200, NULL, result);
}

Test(job_wait, brings_the_result)
{
	ask(await_one);
	cr_assert_eq(n_seen, 0);
	app_job_end(j, 0, 0, "168");
	cr_assert_eq(seen[0], 0);
	cr_assert(has_body("168"));
	app_job_close(j);
}

Test(job_wait, brings_an_empty_result_where_there_is_none)
{
	ask(await_one);
	app_job_end(j, 0, 0, "");
	cr_assert_eq(seen[0], 0);
	cr_assert_not_null(result.ptr);
	cr_assert_eq(result.len, 0);
	app_job_close(j);
}

static int await_three_times(weir_req *req)
{
	int r;

	r = await_one(req);
	for (int i = 0; i < 2; i++)
		(void)note(weir_job_await(job, &result));
	return r;
}

Test(job_wait, may_be_asked_again)
{
	ask(await_three_times);
	app_job_end(j, 0, 0, "168");
	cr_assert_eq(n_seen, 3);
	cr_assert_eq(seen[2], 0);
	app_job_close(j);
}

Test(job_wait, hands_the_jobs_error_on)
{
	ask(await_one);
	app_job_end(j, 0, -EMSGSIZE, "");
	cr_assert_eq(seen[0], -EMSGSIZE);
	cr_assert(has_status("413"));
	app_job_close(j);
}

Test(job_wait, makes_a_death_a_500_and_tells_the_log_how)
{
	ask(await_one);
	app_job_die(j, 0, SIGSEGV);
	cr_assert_eq(seen[0], -ECHILD);
	cr_assert(has_status("500"));
	cr_assert_not_null(strstr(h1_world_log(a->w),
				  "failed (500): ECHILD: job shop.count failed: "
				  "its process ended: killed by signal 11"),
			   "%s", h1_world_log(a->w));
	app_job_close(j);
}

Test(job_wait, tells_when_it_was_the_hub_that_died)
{
	ask(await_one);
	app_job_die(j, 0, JOB_STATUS_UNKNOWN);
	cr_assert_not_null(strstr(h1_world_log(a->w), "the hub or the master died while it ran"));
	app_job_close(j);
}

Test(job_wait, tells_when_it_waited_and_found_no_room_with_the_next_hub)
{
	a = app_world_new();
	j = app_job_new(a);
	app_world_route(a, "/", await_one);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
	app_job_queue(j, 0);
	app_job_queue(j, 0);
	app_job_refuse(j, 0, -EAGAIN);
	cr_assert_eq(seen[0], -EAGAIN);
	cr_assert(has_status("503"));
	app_job_close(j);
}

static int fail_often(weir_req *req)
{
	size_t used = 0;
	int r = 0;

	for (int i = 0; i < 1000; i++) {
		r = weir_job_start(req, &job, .name = "count");
		if (r < 0)
			return r;
		(void)note(weir_job_await(job, &result) == -ECHILD);
		n_seen = 0;
		weir_job_release(job);
		if (i == 0)
			used = req_of(req)->arena->budget->used;
	}
	cr_assert_eq(req_of(req)->arena->budget->used, used);
	return weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(job_wait, takes_no_more_request_memory_for_a_thousand_failures)
{
	ask(fail_often);
	for (unsigned i = 0; i < 1000; i++) {
		if (i > 0)
			app_job_start(j, i);
		app_job_die(j, i, SIGKILL);
		cr_assert_eq(seen[0], 1);
	}
	cr_assert(has_body("x"));
	app_job_close(j);
}

/* ---- large results */

static int large(size_t len)
{
	char *bytes = malloc(len);
	int fd = -1;

	memset(bytes, 'r', len);
	cr_assert_eq(sealed_new((weir_str){ bytes, len }, &fd), 0);
	free(bytes);
	return fd;
}

static int measure(weir_req *req)
{
	int r;

	r = await_one(req);
	if (r < 0)
		return r;
	return seen[0];
}

static bool is_mapped(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;

	while (fgets(line, sizeof(line), maps))
		found |= strstr(line, "memfd:weir") != NULL;
	(void)fclose(maps);
	return found;
}

static bool was_mapped;

static int count_letters(weir_req *req)
{
	size_t n = 0;
	int r;

	r = weir_job_start(req, &job, .name = "count");
	if (r >= 0)
		r = weir_job_await(job, &result);
	if (r < 0)
		return r;
	was_mapped = is_mapped();
	for (size_t i = 0; i < result.len; i++)
		n += result.ptr[i] == 'r';
	return weir_respond(req, 200, NULL, weir_printf(req, "%zu", n));
}

Test(job_wait, maps_a_large_result_and_lets_go_of_it_with_the_request)
{
	ask(count_letters);
	app_job_end_fd(j, 0, large(3000000), 3000000);
	cr_assert(has_body("3000000"), "%s", client_text(c));
	cr_assert(was_mapped);
	h1_world_pass(a->w, 1);
	cr_assert_not(is_mapped());
	app_job_close(j);
}

Test(job_wait, refuses_a_result_that_could_kill_the_worker)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	cr_assert_eq(ftruncate(fd, 100000), 0);
	ask(measure);
	app_job_end_fd(j, 0, fd, 100000);
	cr_assert_eq(seen[0], -EPROTO);
	cr_assert(has_status("500"));
	cr_assert_not_null(strstr(h1_world_log(a->w), "a result that is no sealed memfd"), "%s",
			   h1_world_log(a->w));
	app_job_close(j);
}

Test(job_wait, refuses_a_result_over_the_limit_unseen)
{
	ask(measure);
	a->site.max_job_payload = 99999;
	app_job_end_fd(j, 0, large(100000), 100000);
	cr_assert_eq(seen[0], -EMSGSIZE);
	app_job_close(j);
}

Test(job_wait, closes_a_result_that_nobody_waits_for)
{
	ask(await_one);
	client_close(c);
	h1_world_settle(a->w);
	app_job_end_fd(j, 0, large(100000), 100000);
	h1_world_pass(a->w, 1);
	cr_assert_not(is_mapped());
	app_job_close(j);
}

/* ---- reports */

static int follow(weir_req *req)
{
	weir_str report;
	int r;

	r = weir_job_start(req, &job, .name = "count");
	while (r >= 0 && (r = weir_job_progress(job, &report)) > 0) {
		size_t len = strlen(reports);

		(void)snprintf(reports + len, sizeof(reports) - len, "%.*s ", WEIR_ARG(report));
		if (weir_str_eq(report, WEIR_STR("slow")))
			r = weir_sleep(1000);
	}
	if (r >= 0)
		r = weir_job_await(job, &result);
	(void)note(r);
	return r < 0 ? r : weir_respond(req, 200, NULL, result);
}

Test(job_wait, brings_reports_until_the_job_has_ended)
{
	ask(follow);
	app_job_report(j, 0, "1");
	app_job_report(j, 0, "");
	app_job_report(j, 0, "3");
	app_job_end(j, 0, 0, "done");
	cr_assert_str_eq(reports, "1  3 ");
	cr_assert(has_body("done"));
	app_job_close(j);
}

Test(job_wait, keeps_only_the_newest_report)
{
	ask(follow);
	app_job_report(j, 0, "slow");
	app_job_report(j, 0, "2");
	app_job_report(j, 0, "3");
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(reports, "slow 3 ");
	app_job_close(j);
}

Test(job_wait, brings_the_last_report_although_the_job_has_ended)
{
	ask(follow);
	app_job_report(j, 0, "slow");
	app_job_report(j, 0, "last");
	app_job_end(j, 0, 0, "done");
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(reports, "slow last ");
	cr_assert(has_body("done"));
	app_job_close(j);
}

/* ---- several tasks */

static int await_too(void *arg)
{
	weir_str any;

	return note(weir_job_await(job, &any));
}

static int release_it(void *arg)
{
	int r = weir_sleep(10);

	weir_job_release(job);
	return r;
}

/* A job, one task that waits for it, and another. */
static int await_and(weir_req *req, int (*other)(void *arg))
{
	int r;

	r = weir_job_start(req, &job, .name = "count");
	if (r < 0)
		return r;
	{
		WEIR_GROUP(g, WEIR_EACH);
		(void)weir_spawn(g, await_too, NULL);
		(void)weir_spawn(g, other, NULL);
		r = weir_join(g);
	}
	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

static int await_by_two(weir_req *req)
{
	return await_and(req, await_too);
}

Test(job_wait, is_for_one_task_at_a_time)
{
	ask(await_by_two);
	cr_assert_eq(n_seen, 1);
	cr_assert_eq(seen[0], -EBUSY);
	app_job_end(j, 0, 0, "168");
	cr_assert_eq(seen[1], 0);
	app_job_close(j);
}

static int release_under_a_waiter(weir_req *req)
{
	return await_and(req, release_it);
}

Test(job_wait, tells_who_waits_that_it_was_released)
{
	ask(release_under_a_waiter);
	h1_world_pass(a->w, 10);
	cr_assert_eq(n_seen, 1);
	cr_assert_eq(seen[0], -EPIPE);
	cr_assert(j->calls[0].is_cancelled);
	app_job_end(j, 0, -ECANCELED, "");
	app_job_close(j);
}

/* ---- cancelled and late */

Test(job_wait, cancels_the_job_when_the_client_goes)
{
	ask(await_one);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -ECANCELED);
	cr_assert(j->calls[0].is_cancelled);
	app_job_close(j);
}

static int await_in_a_group(weir_req *req)
{
	int r;

	r = weir_job_start(req, &job, .name = "count");
	if (r < 0)
		return r;
	{
		WEIR_GROUP(g, WEIR_ALL);
		(void)weir_spawn(g, await_too, NULL);
		r = weir_sleep(50);
	}
	if (r >= 0)
		r = weir_sleep(1000);
	return r;
}

Test(job_wait, cancels_the_job_with_the_group_of_the_task_that_waits)
{
	ask(await_in_a_group);
	h1_world_pass(a->w, 49);
	cr_assert_not(j->calls[0].is_cancelled);
	h1_world_pass(a->w, 1);
	cr_assert_eq(seen[0], -ECANCELED);
	cr_assert(j->calls[0].is_cancelled);
	app_job_close(j);
}

static int await_for_50(weir_req *req)
{
	int r;

	r = weir_job_start(req, &job, .name = "count");
	if (r < 0)
		return r;
	(void)note(weir_within(50, weir_job_await(job, &result)));
	(void)note(weir_job_await(job, &result));
	return weir_respond(req, 200, NULL, result);
}

Test(job_wait, lets_the_job_go_on_when_only_the_waiting_is_over)
{
	ask(await_for_50);
	h1_world_pass(a->w, 50);
	cr_assert_eq(seen[0], -ETIMEDOUT);
	cr_assert_eq(j->n_cancelled, 0);
	app_job_end(j, 0, 0, "late");
	cr_assert(has_body("late"));
	app_job_close(j);
}

static int await_shielded(weir_req *req)
{
	int r;

	r = weir_job_start(req, &job, .name = "count");
	if (r < 0)
		return r;
	(void)note(weir_shielded(500, weir_job_await(job, &result)));
	return seen[0];
}

Test(job_wait, holds_in_a_shield)
{
	ask(await_shielded);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(j->n_cancelled, 0);
	app_job_end(j, 0, 0, "168");
	cr_assert_eq(seen[0], 0);
	app_job_close(j);
}

static int cancel_and_await(weir_req *req)
{
	int r;

	weir_job_cancel(NULL);
	r = weir_job_start(req, &job, .name = "count", .flags = WEIR_FINISH_ANYWAY);
	if (r < 0)
		return r;
	weir_job_cancel(job);
	weir_job_cancel(job);
	(void)note(weir_job_await(job, &result));
	weir_job_cancel(job);
	return weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(job_wait, waits_for_what_was_cancelled_to_stop)
{
	ask(cancel_and_await);
	cr_assert_eq(j->n_cancelled, 1);
	cr_assert_eq(n_seen, 0);
	app_job_end(j, 0, -ECANCELED, "");
	cr_assert_eq(seen[0], -ECANCELED);
	app_job_close(j);
}

Test(job_wait, takes_the_result_of_one_that_was_quicker)
{
	ask(cancel_and_await);
	app_job_end(j, 0, 0, "168");
	cr_assert_eq(seen[0], 0);
	app_job_close(j);
}

Test(job_wait, does_not_cancel_what_is_to_finish_anyway)
{
	flags = WEIR_FINISH_ANYWAY;
	ask(await_one);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -ECANCELED);
	cr_assert_eq(j->n_cancelled, 0);
	app_job_end(j, 0, 0, "168");
	app_job_close(j);
}
