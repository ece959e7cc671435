/* test_job_map.c - one job over many inputs. */
#include <weir/job.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app_job.h"
#include "coro/offload.h"
#include "gated_call.h"
#include "io/sealed.h"
#include "oom.h"

#define MAX_ITEMS 200

static weir_job_item items[MAX_ITEMS];
static char inputs[MAX_ITEMS][24];
static size_t n_items = 10;
static uint32_t flags;
static int seen = 1;
static bool is_within_100, has_first;
static const char *job_name = "count";

static struct app_world *a;
static struct app_job *j;
static struct client *c;

static int run_map(weir_req *req)
{
	for (size_t i = 0; i < n_items; i++) {
		(void)snprintf(inputs[i], sizeof(inputs[i]), "%zu", i);
		items[i].input = weir_strz(inputs[i]);
	}
	if (is_within_100)
		seen = weir_within(100, weir_job_map(req, items, n_items, .name = job_name));
	else
		seen = weir_job_map(req, items, n_items, .name = job_name, .flags = flags);
	has_first = weir_str_eq(items[0].result, items[0].input);
	return seen;
}

static int map(weir_req *req)
{
	int r = run_map(req);

	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

static int map_and_look(weir_req *req)
{
	int r = map(req);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_items; i++)
		cr_assert(weir_str_eq(items[i].result, items[i].input), "%zu", i);
	return r;
}

static void ask(weir_handler *handler, unsigned n_processes, unsigned n_queue)
{
	a = app_world_new();
	j = app_job_new(a);
	j->n_processes = n_processes;
	j->n_queue = n_queue;
	app_world_route(a, "/", handler);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
}

/* The process that has taken this one ends it, with its input as the result. */
static void echo(unsigned n)
{
	app_job_end(j, n, 0, j->calls[n].input);
}

/* Ends what runs, the last one first, until nothing does. */
static void echo_all(void)
{
	bool has_more = true;

	while (has_more) {
		has_more = false;
		for (unsigned i = j->n_calls; i > 0; i--) {
			if (!j->calls[i - 1].call || !j->calls[i - 1].is_started)
				continue;
			echo(i - 1);
			has_more = true;
			break;
		}
	}
}

Test(job_map, brings_results_in_order)
{
	n_items = MAX_ITEMS;
	ask(map_and_look, 3, 64);
	echo_all();
	cr_assert_eq(seen, 0);
	cr_assert_eq(j->n_calls, MAX_ITEMS);
	app_job_close(j);
}

Test(job_map, has_nothing_to_do_for_no_items)
{
	n_items = 0;
	ask(map, 1, 1);
	cr_assert_eq(seen, 0);
	cr_assert_eq(j->n_calls, 0);
	app_job_close(j);
}

Test(job_map, keeps_all_processes_busy_and_only_a_few_waiting)
{
	n_items = MAX_ITEMS;
	ask(map_and_look, 16, 64);
	cr_assert_eq(j->n_running, 16);
	cr_assert_eq(j->n_most_waiting, 4);
	echo_all();
	cr_assert_eq(j->n_most_waiting, 4);
	app_job_close(j);
}

Test(job_map, goes_on_when_the_queue_is_full)
{
	n_items = 50;
	ask(map_and_look, 2, 1);
	cr_assert_eq(j->n_running, 2);
	cr_assert_gt(j->n_refused, 0);
	echo_all();
	cr_assert_eq(seen, 0);
	app_job_close(j);
}

Test(job_map, fails_as_a_whole_when_the_queue_is_full_from_the_start)
{
	ask(map, 1, 0);
	app_job_close(j);
	a = app_world_new();
	j = app_job_new(a);
	j->submit_error = -EAGAIN;
	app_world_route(a, "/", map);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
	cr_assert_eq(seen, -EAGAIN);
	cr_assert_eq(j->n_calls, 0);
	cr_assert_eq(items[9].error, -EAGAIN);
	cr_assert_not_null(strstr(client_text(c), " 503 "));
	app_job_close(j);
}

/* Others fill the queue as soon as there is room. */
static void fill_up(unsigned n)
{
	while (n < j->n_calls) {
		if (j->calls[n].call && !j->calls[n].is_started)
			app_job_refuse(j, n, -EAGAIN);
		n++;
	}
}

/* The third one has found no room: one runs, one waits. */
static void ask_for_three(void)
{
	n_items = 3;
	ask(map, 1, 1);
	cr_assert_eq(j->n_refused, 1u);
	cr_assert_eq(items[2].job->state, JOB_IS_REFUSED);
}

/* Another task's doing. */
Test(job_map, sends_none_again_that_was_cancelled_meanwhile)
{
	ask_for_three();
	weir_job_cancel(items[2].job);
	echo_all();
	cr_assert_eq(j->n_calls, 3u, "it was not submitted again");
	cr_assert_eq(items[0].error, 0);
	cr_assert_eq(items[1].error, 0);
	cr_assert_eq(items[2].error, -ECANCELED);
	cr_assert_eq(seen, -ECANCELED);
	app_job_close(j);
}

Test(job_map, sends_again_what_nobody_has_cancelled)
{
	ask_for_three();
	weir_job_cancel(items[1].job);
	app_job_end(j, 1, -ECANCELED, "");
	echo_all();
	cr_assert_eq(j->n_calls, 4u);
	cr_assert_eq(items[2].error, 0);
	cr_assert_eq(seen, -ECANCELED);
	app_job_close(j);
}

Test(job_map, tries_again_for_a_second)
{
	n_items = 2;
	ask(map, 0, 0);
	app_job_start(j, 0);
	fill_up(1);
	echo(0);
	for (int i = 0; i < 1100; i++) {
		fill_up(1);
		h1_world_pass(a->w, 1);
	}
	cr_assert_eq(seen, -EAGAIN);
	cr_assert_eq(items[0].error, 0);
	cr_assert(has_first);
	cr_assert_eq(items[1].error, -EAGAIN);
	cr_assert_null(items[1].job);
	app_job_close(j);
}

Test(job_map, gives_each_item_its_own_error)
{
	n_items = 4;
	ask(map, 4, 4);
	app_job_die(j, 2, 9);
	app_job_end(j, 1, -EIO, "");
	echo(0);
	echo(3);
	cr_assert_eq(seen, -EIO);
	cr_assert_eq(items[0].error, 0);
	cr_assert_eq(items[1].error, -EIO);
	cr_assert_eq(items[2].error, -ECHILD);
	cr_assert_eq(items[3].error, 0);
	cr_assert_not_null(strstr(h1_world_log(a->w), "EIO: job shop.count failed"), "%s",
			   h1_world_log(a->w));
	app_job_close(j);
}

Test(job_map, knows_an_error_of_a_job_from_a_job_that_has_not_ended)
{
	n_items = 2;
	ask(map, 2, 2);
	app_job_end(j, 0, -EINPROGRESS, "");
	echo(1);
	cr_assert_eq(seen, -EINPROGRESS);
	cr_assert_eq(items[0].error, -EINPROGRESS);
	cr_assert_not_null(items[0].job);
	app_job_close(j);
}

/* ---- an item ends while the next one's input, which is large, is copied on a thread */

static struct gated_call busy[OFFLOAD_BULK_THREADS];

static int map_small_and_large(weir_req *req)
{
	static char large[100000];

	for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
		gated_call_init(&busy[i], 0);
		offload_bulk_forget(gated_call_run, &busy[i]);
	}
	n_items = 2;
	items[0].input = WEIR_STR("0");
	items[1].input = (weir_str){ large, sizeof(large) };
	seen = weir_job_map(req, items, n_items, .name = "count");
	has_first = weir_str_eq(items[0].result, items[0].input);
	return seen < 0 ? seen : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

static void ask_and_end_the_small_one(void)
{
	ask(map_small_and_large, 1, 1);
	echo(0);
	cr_assert_eq(j->n_calls, 1);
}

static void let_the_large_one_go(void)
{
	for (size_t i = 0; i < ARRAY_LEN(busy); i++)
		gated_call_let(&busy[i]);
	h1_world_pass(a->w, 10);
}

Test(job_map, keeps_what_has_ended_when_the_next_one_finds_no_room)
{
	ask_and_end_the_small_one();
	j->submit_error = -EAGAIN;
	let_the_large_one_go();
	cr_assert_eq(j->n_calls, 2);
	echo(1);
	cr_assert_eq(seen, 0);
	cr_assert(has_first);
	app_job_close(j);
}

Test(job_map, comes_to_its_end_when_the_last_one_cannot_be_made, .timeout = 60)
{
	struct rlimit before, none = { 0 };

	ask_and_end_the_small_one();
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	let_the_large_one_go();
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(seen, -EMFILE);
	cr_assert_eq(items[0].error, 0);
	cr_assert_eq(items[1].error, -EMFILE);
	app_job_close(j);
}

Test(job_map, refuses_an_unknown_job_as_a_whole)
{
	job_name = "nothing";
	ask(map, 1, 1);
	cr_assert_eq(seen, -ENOENT);
	cr_assert_eq(items[0].error, -ENOENT);
	app_job_close(j);
}

static int map_too_large(weir_req *req)
{
	static char large[100];

	a->site.max_job_payload = 99;
	n_items = 3;
	for (size_t i = 0; i < n_items; i++)
		items[i].input = (weir_str){ large, i == 1 ? 100 : 0 };
	seen = weir_job_map(req, items, n_items, .name = "count");
	return seen;
}

/* ---- what cannot even begin is each item's error, too: they may have been used before */

static void use_items(void)
{
	for (size_t i = 0; i < n_items; i++)
		items[i] = (weir_job_item){ .result = WEIR_STR("of before") };
}

static void check_items(int error)
{
	cr_assert_eq(seen, error);
	cr_assert_eq(j->n_calls, 0);
	for (size_t i = 0; i < n_items; i++) {
		cr_assert_eq(items[i].error, error, "%zu: %d", i, items[i].error);
		cr_assert_eq(items[i].result.len, 0);
		cr_assert_null(items[i].job);
	}
	app_job_close(j);
}

static int map_from_task(void *req)
{
	return run_map(req);
}

static int map_cancelled(weir_req *req)
{
	WEIR_GROUP(g, WEIR_EACH);

	use_items();
	weir_cancel(weir_spawn(g, map_from_task, req));
	return weir_join(g);
}

static int map_too_late(weir_req *req)
{
	use_items();
	return weir_within(0, run_map(req));
}

static int map_used(weir_req *req)
{
	use_items();
	return map(req);
}

Test(job_map, of_a_cancelled_task_is_told_for_each_item)
{
	ask(map_cancelled, 1, 1);
	check_items(-ECANCELED);
}

Test(job_map, past_its_deadline_is_told_for_each_item)
{
	ask(map_too_late, 1, 1);
	check_items(-ETIMEDOUT);
}

Test(job_map, with_unknown_flags_is_told_for_each_item)
{
	flags = 1U << 7;
	ask(map_used, 1, 1);
	check_items(-EINVAL);
}

Test(job_map, runs_the_others_when_an_input_is_too_large)
{
	ask(map_too_large, 2, 2);
	cr_assert_eq(j->n_calls, 2);
	echo_all();
	cr_assert_eq(items[0].error, 0);
	cr_assert_eq(items[1].error, -EMSGSIZE);
	cr_assert_eq(items[2].error, 0);
	cr_assert_eq(seen, -EMSGSIZE);
	app_job_close(j);
}

Test(job_map, cancels_its_jobs_when_the_client_goes)
{
	ask(map, 2, 64);
	echo(0);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(items[0].error, 0);
	cr_assert_eq(items[1].error, -ECANCELED);
	cr_assert_eq(items[9].error, -ECANCELED);
	cr_assert_eq(j->n_cancelled, app_job_left(j));
	app_job_close(j);
}

Test(job_map, lets_those_finish_that_are_to)
{
	flags = WEIR_FINISH_ANYWAY;
	ask(map, 2, 64);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(j->n_cancelled, 0);
	cr_assert_not(site_is_quiet(&a->site));
	app_job_close(j);
}

Test(job_map, cancels_its_jobs_when_its_deadline_passes)
{
	is_within_100 = true;
	ask(map, 2, 64);
	echo(1);
	h1_world_pass(a->w, 100);
	cr_assert_eq(seen, -ETIMEDOUT);
	cr_assert_eq(items[1].error, 0);
	cr_assert_eq(items[0].error, -ETIMEDOUT);
	cr_assert_eq(j->n_cancelled, app_job_left(j));
	app_job_close(j);
}

static int map_large(weir_req *req)
{
	size_t len = 0;
	int r;

	n_items = 3;
	r = run_map(req);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_items; i++)
		len += items[i].result.len;
	return weir_respond(req, 200, NULL, weir_printf(req, "%zu", len));
}

Test(job_map, maps_large_results)
{
	char *bytes = calloc(1, 200000);

	ask(map_large, 3, 3);
	for (unsigned i = 0; i < 3; i++) {
		int fd = -1;

		cr_assert_eq(sealed_new((weir_str){ bytes, 200000 }, &fd), 0);
		app_job_end_fd(j, i, fd, 200000);
	}
	cr_assert_not_null(strstr(client_text(c), "\r\n\r\n600000"), "%s", client_text(c));
	app_job_close(j);
	free(bytes);
}

static int map_and_release(weir_req *req)
{
	int r = map_and_look(req);

	for (size_t i = 0; i < n_items; i++)
		weir_job_release(items[i].job);
	return r;
}

Test(job_map, lets_its_results_be_released_one_by_one)
{
	ask(map_and_release, 4, 4);
	echo_all();
	cr_assert_eq(seen, 0);
	app_job_close(j);
}

Test(job_map, survives_every_failure_to_allocate)
{
	bool failed = true;
	unsigned n;

	a = app_world_new();
	j = app_job_new(a);
	j->n_processes = 2;
	j->n_queue = 3;
	app_world_route(a, "/", map);
	for (n = 1; failed && n < 100; n++) {
		c = client_new(a->w);
		oom_fail_at(n);
		(void)client_push(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
		h1_world_settle(a->w);
		for (unsigned i = 0; i < j->n_calls; i++) {
			if (j->calls[i].call && j->calls[i].is_started)
				echo(i);
		}
		failed = oom_has_failed();
		client_close(c);
		h1_world_settle(a->w);
		j->n_calls = app_job_left(j) ? j->n_calls : 0;
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 10);
	app_job_close(j);
}
