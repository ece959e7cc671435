/* test_job.c - whose a job is, and what becomes of it when its request ends. */
#include "app/job.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/req.h"
#include "app_job.h"

static weir_job *job;
static unsigned n_quiet;

static struct app_world *a;
static struct app_job *j;

static void on_quiet(struct site *site)
{
	n_quiet++;
}

static void ask(weir_handler *handler)
{
	a = app_world_new();
	j = app_job_new(a);
	a->site.quiet = on_quiet;
	app_world_route(a, "/", handler);
	(void)app_world_ask(a, "/");
	if (j->n_calls == 1)
		app_job_start(j, 0);
}

static int start_and_go(weir_req *req)
{
	int r;

	r = weir_job_start(req, &job, .name = "count");
	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(job, is_cancelled_when_its_request_ends)
{
	ask(start_and_go);
	cr_assert(j->calls[0].is_cancelled);
	cr_assert(site_is_quiet(&a->site));
	app_job_end(j, 0, -ECANCELED, "");
	cr_assert_null(strstr(h1_world_log(a->w), "job"), "%s", h1_world_log(a->w));
	app_job_close(j);
}

static int start_to_finish(weir_req *req)
{
	int r;

	r = weir_job_start(req, &job, .name = "count", .flags = WEIR_FINISH_ANYWAY);
	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(job, finishes_anyway_if_it_is_to)
{
	ask(start_to_finish);
	cr_assert_eq(j->n_cancelled, 0);
	cr_assert_not(site_is_quiet(&a->site));
	site_drain(&a->site);
	cr_assert_eq(n_quiet, 0);
	app_job_report(j, 0, "half");
	app_job_end(j, 0, 0, "nobody wants it");
	cr_assert_eq(n_quiet, 1);
	cr_assert(site_is_quiet(&a->site));
	cr_assert_null(strstr(h1_world_log(a->w), "job"), "%s", h1_world_log(a->w));
	app_job_close(j);
}

Test(job, tells_the_log_when_it_fails_after_its_request)
{
	ask(start_to_finish);
	app_job_end(j, 0, -EIO, "");
	cr_assert_not_null(
		strstr(h1_world_log(a->w), "job shop.count, whose request has ended, failed: EIO"),
		"%s", h1_world_log(a->w));
	app_job_close(j);
}

static void check_words_of_death(int status, const char *words)
{
	ask(start_to_finish);
	app_job_die(j, 0, status);
	cr_assert_not_null(strstr(h1_world_log(a->w), words), "%s", h1_world_log(a->w));
	app_job_close(j);
}

Test(job, knows_a_process_that_ended_well_from_one_that_nobody_knows_of)
{
	check_words_of_death(0, "shop.count, whose request has ended, failed: its process ended: ");
	check_words_of_death(JOB_STATUS_UNKNOWN, "has ended, was lost: the hub or the master died");
	check_words_of_death(JOB_STATUS_OWN, "has ended, failed: ECHILD\n");
}

Test(job, tells_the_log_whose_it_was)
{
	char words[128];

	ask(start_to_finish);
	a->site.logs_ids = true;
	(void)snprintf(words, sizeof(words), "has ended, failed: EIO [%s]\n",
		       j->calls[0].request_id);
	app_job_end(j, 0, -EIO, "");
	cr_assert_not_null(strstr(h1_world_log(a->w), words), "%s", h1_world_log(a->w));
	app_job_close(j);
}

Test(job, is_not_waited_for_when_the_grace_is_over)
{
	ask(start_to_finish);
	site_drain(&a->site);
	site_cancel(&a->site);
	cr_assert(j->calls[0].is_cancelled);
	cr_assert_eq(n_quiet, 1);
	app_job_close(j);
}

static int start_many_and_release(weir_req *req)
{
	weir_job *jobs[3];
	int r = 0;

	for (int i = 0; i < 3 && r >= 0; i++)
		r = weir_job_start(req, &jobs[i], .name = "count");
	weir_job_release(NULL);
	if (r >= 0)
		weir_job_release(jobs[1]);
	if (r >= 0)
		r = weir_sleep(100);
	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(job, is_one_of_many)
{
	ask(start_many_and_release);
	app_job_start(j, 1);
	app_job_start(j, 2);
	cr_assert(j->calls[1].is_cancelled);
	cr_assert_eq(j->n_cancelled, 1);
	h1_world_pass(a->w, 100);
	cr_assert_eq(j->n_cancelled, 3);
	app_job_close(j);
}

static int start_in_background(weir_req *req, void *arg)
{
	int r;

	r = weir_job_start(req, &job, .name = "other");
	return r < 0 ? r : weir_sleep(100);
}

static void on_ended(struct req *req, int result)
{
	(void)req_free_task(req);
}

Test(job, ends_with_a_background_task)
{
	struct req *req;

	a = app_world_new();
	j = app_job_new(a);
	cr_assert_eq(req_new_task(&a->site, &a->app, "task", start_in_background, NULL, on_ended,
				  NULL, &req),
		     0);
	cr_assert_eq(req_start_task(req), 0);
	app_job_start(j, 0);
	cr_assert_str_eq(j->calls[0].name, "other");
	h1_world_pass(a->w, 100);
	cr_assert(j->calls[0].is_cancelled);
	app_job_close(j);
}
