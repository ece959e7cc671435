/*
 * slow_tasks.c - see slow_tasks.h. There may be tens of thousands of tasks: all are
 * looked at, but only the few that are told of are asked what they await.
 */
#include "daemon/slow_tasks.h"

#include <stdio.h>
#include <string.h>

#include "app/req.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "coro/census.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "daemon/worker_tasks.h"
#include "io/loop.h"

#define REQUEST_MAX 200

struct slow_task {
	const struct task *task;
	const struct req *req;
	int64_t age_ms, since_ms;
};

/* False: it is none that is told of. */
static bool judge(const struct task *task, struct slow_task *ret_slow)
{
	const struct req *req = task->user;
	int64_t now_ms = loop_now_ms(task->sched->loop);

	if (!req || !req->ex || req->scope.type != WEIR_SCOPE_HTTP || req->sse || !task->wait)
		return false;
	*ret_slow = (struct slow_task){ task, req, now_ms - req->ex->started_ms,
					now_ms - task->parked_ms };
	return true;
}

static bool is_slower(const struct slow_task *a, const struct slow_task *b)
{
	return a->age_ms != b->age_ms ? a->age_ms > b->age_ms : a->since_ms > b->since_ms;
}

/* Into a list of the slowest, which stays sorted; returns how many there are. */
static size_t insert(struct slow_task *list, size_t n, const struct slow_task *slow)
{
	size_t at = n < SLOW_TASKS_MAX ? n : SLOW_TASKS_MAX - 1;

	if (n == SLOW_TASKS_MAX && !is_slower(slow, &list[at]))
		return n;
	for (; at > 0 && is_slower(slow, &list[at - 1]); at--)
		list[at] = list[at - 1];
	list[at] = *slow;
	return n < SLOW_TASKS_MAX ? n + 1 : n;
}

/* Clients may have sent anything, and who shows it wants UTF-8. */
static void put_request(struct json *json, const struct req *req)
{
	char words[REQUEST_MAX];
	int n = snprintf(words, sizeof(words), "%.*s %.*s", WEIR_ARG(req->scope.method),
			 WEIR_ARG(req->scope.raw_path));
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(words) ? (size_t)n : sizeof(words) - 1;

	for (size_t i = 0; i < len; i++) {
		if (words[i] & 0x80)
			words[i] = '?';
	}
	json_str(json, "request", (weir_str){ words, len });
}

static void put_ms(struct json *json, const char *key, int64_t ms)
{
	json_number(json, key, ms > 0 ? (uint64_t)ms : 0);
}

static void put_task(struct json *json, const struct slow_task *slow)
{
	const struct req *req = slow->req;
	const char *handler = req->name ? req->name : "", *name = task_name(slow->task);

	json_open(json, NULL, '{');
	json_text(json, "handler", handler);
	put_request(json, req);
	json_text(json, "route", req->route && req->route->path ? req->route->path : "");
	json_text(json, "task", strcmp(name, handler) == 0 ? "" : name);
	json_text(json, "awaits", worker_tasks_awaits(slow->task));
	put_ms(json, "since_ms", slow->since_ms);
	put_ms(json, "age_ms", slow->age_ms);
	json_close(json, '}');
}

int slow_tasks_write(const struct sched *sched, struct buf *out)
{
	struct slow_task list[SLOW_TASKS_MAX], slow;
	struct json json;
	size_t n = 0;

	for (struct task *t = NULL; (t = census_next(sched, t));) {
		if (judge(t, &slow))
			n = insert(list, n, &slow);
	}
	json_init(&json, out);
	json.is_compact = true;
	json_open(&json, NULL, '[');
	for (size_t i = 0; i < n; i++)
		put_task(&json, &list[i]);
	json_close(&json, ']');
	return json_done(&json);
}
