/*
 * job_map.c - one job over many inputs, by one task. As many are under way as the pool runs, and a
 * few that wait, so that its processes always find the next; more would only fill the queue for
 * others. Whoever is refused because the queue is full goes again when one of ours has ended, or
 * after a while.
 */
#include <weir/job.h>

#include <errno.h>

#include "app/job.h"
#include "coro/task.h"

/* Submitted and not started. */
#define AHEAD 4
/* While the queue is full with the jobs of others: 1, 2, 4, ... ms, a second in all. */
#define FIRST_PAUSE_MS 1
#define LAST_PAUSE_MS 512
/* An item's error until it has one of its own: a job's is none, or negative. */
#define NOT_ENDED 1

struct job_map {
	weir_req *req;
	weir_job_item *items;
	size_t n, n_made; /* items whose job was made, or cannot be */
	const weir_job_opts *opts;
	struct job_watch watch;
	struct list again; /* jobs that were refused */
	bool is_full;	   /* the queue was, since one of ours has ended */
	bool has_begun;	   /* one was taken: it waited, or ran */
	int64_t pause_ms;
};

static unsigned n_waiting(const struct job_map *map)
{
	return map->watch.n[JOB_IS_ASKED] + map->watch.n[JOB_IS_WAITING];
}

static unsigned n_under_way(const struct job_map *map)
{
	return n_waiting(map) + map->watch.n[JOB_IS_RUNNING];
}

/* Nothing of this item will run, or has. */
static void give_up(struct job_map *map, struct weir_job *job, int error)
{
	weir_job_item *item = &map->items[job->index];

	item->error = error;
	item->job = NULL;
	if (job_detach(job))
		weir_job_release(job);
}

/* ---- sending */

/* The next item's; none: it has an error of its own. */
static int make_next(struct job_map *map, struct weir_job **ret_job)
{
	size_t index = map->n_made;
	weir_job_item *item = &map->items[index];
	struct weir_job *job = NULL;
	int r;

	r = job_start_new(map->req, map->opts, item->input, &job);
	if (r == -ECANCELED || r == -ETIMEDOUT || r == -ENOENT)
		return r;
	map->n_made++;
	if (r < 0) {
		item->error = r;
		return 0;
	}
	job->index = index;
	item->job = job;
	*ret_job = job;
	return job_attach(job, &map->watch); /* nobody knows it but us */
}

static int next_job(struct job_map *map, struct weir_job **ret_job)
{
	struct list *link = list_pop(&map->again);

	if (!link)
		return make_next(map, ret_job);
	*ret_job = list_entry(link, struct weir_job, settled);
	return 0;
}

/* To be noted as long as it is seen: one that has waited may be refused all the same. */
static void note_begun(struct job_map *map)
{
	const unsigned *n = map->watch.n;

	if (n[JOB_IS_WAITING] + n[JOB_IS_RUNNING] + n[JOB_IS_OVER] > 0)
		map->has_begun = true;
}

/* -EAGAIN before any was taken: that is the whole call's. */
static int refused(struct job_map *map, struct weir_job *job, int error)
{
	note_begun(map);
	if (!map->has_begun)
		return error;
	if (error != -EAGAIN || !job->req) {
		give_up(map, job, error);
		return 0;
	}
	map->is_full = true;
	list_add_tail(&map->again, &job->settled);
	return 0;
}

static int send_more(struct job_map *map)
{
	int r = 0;

	while (r >= 0 && !map->is_full && n_waiting(map) < AHEAD &&
	       (map->n_made < map->n || !list_is_empty(&map->again))) {
		struct weir_job *job = NULL;

		r = next_job(map, &job);
		if (r < 0 || !job)
			continue;
		r = job_submit(job);
		if (r < 0)
			r = refused(map, job, r);
	}
	return r;
}

/* ---- waiting */

/* One that has ended, or was refused when it was taken to be under way. */
static int settle(struct job_map *map, struct weir_job *job)
{
	weir_job_item *item = &map->items[job->index];
	int r;

	if (job->state == JOB_IS_REFUSED)
		return refused(map, job, job->error);
	map->is_full = false;
	map->pause_ms = FIRST_PAUSE_MS;
	r = job->req ? job_wait_fetch(job, &item->result) : -EPIPE;
	/* Cancelled on the way to a large result: it can be had no more. */
	if (job->error >= 0 && (r == -ECANCELED || r == -ETIMEDOUT))
		return r;
	item->error = r;
	return 0;
}

static int settle_all(struct job_map *map)
{
	int r = 0;

	while (r >= 0) {
		struct list *link = list_pop(&map->watch.settled);

		if (!link)
			break;
		r = settle(map, list_entry(link, struct weir_job, settled));
	}
	return r;
}

/* Nothing of ours is under way whose end would make room. */
static int wait_for_room(struct job_map *map)
{
	int64_t pause_ms = map->pause_ms;

	if (pause_ms > LAST_PAUSE_MS)
		return -EAGAIN;
	map->pause_ms *= 2;
	map->is_full = false;
	return wait_sleep(pause_ms);
}

static int wait_more(struct job_map *map)
{
	int r = 0;

	/* Some may have ended while an input was copied. */
	if (list_is_empty(&map->watch.settled)) {
		if (n_under_way(map) == 0)
			return map->is_full ? wait_for_room(map) : 0;
		r = wait_park(&map->watch.wait);
	}
	note_begun(map);
	return r < 0 ? r : settle_all(map);
}

static bool is_done(const struct job_map *map)
{
	return map->n_made == map->n && n_under_way(map) == 0 && list_is_empty(&map->again) &&
	       list_is_empty(&map->watch.settled);
}

/* ---- the end */

/* What has not ended by now ends with the call. */
static void finish(struct job_map *map, int error)
{
	for (size_t i = 0; i < map->n; i++) {
		weir_job_item *item = &map->items[i];

		if (item->error == NOT_ENDED && item->job)
			give_up(map, item->job, error);
		else if (item->error == NOT_ENDED)
			item->error = error;
		else if (item->job && !job_detach(item->job))
			item->job = NULL;
	}
}

static int first_error(const struct job_map *map)
{
	for (size_t i = 0; i < map->n; i++) {
		const weir_job_item *item = &map->items[i];

		if (item->error < 0)
			return item->job ? job_wait_say(item->job, item->error) : item->error;
	}
	return 0;
}

int weir_job_map_with(weir_req *req, weir_job_item *items, size_t n, const weir_job_opts *given)
{
	struct job_map map = { .req = req, .items = items, .n = n, .pause_ms = FIRST_PAUSE_MS };
	weir_job_opts opts;
	int r;

	map.opts = &opts;
	job_watch_init(&map.watch);
	list_init(&map.again);
	for (size_t i = 0; i < n; i++) {
		items[i].result = (weir_str){ NULL, 0 };
		items[i].error = NOT_ENDED;
		items[i].job = NULL;
	}
	r = job_start_check(req, given, &opts);
	while (r >= 0 && !is_done(&map)) {
		r = send_more(&map);
		if (r >= 0)
			r = wait_more(&map);
	}
	finish(&map, r);
	return r < 0 ? r : first_error(&map);
}
