/*
 * culprit.c - see culprit.h. From the scheduler to its task, to that one's
 * request, to its words: each step is copied by the kernel before it is looked at.
 */
#include "daemon/culprit.h"

#include <stdio.h>
#include <string.h>

#include "app/req.h"
#include "base/peek.h"
#include "coro/sched.h"
#include "coro/stack.h"
#include "coro/task.h"

/* Bytes that do not end with a NUL; what is behind them is not looked at. */
static void peek_str(weir_str from, char *ret_text, size_t size)
{
	size_t n = from.len < size - 1 ? from.len : size - 1;

	n = from.ptr ? peek_bytes(from.ptr, ret_text, n) : 0;
	ret_text[n] = '\0';
}

static void find_route(const struct route *shown, struct culprit *culprit)
{
	struct route route;

	if (!shown || !peek_all(shown, &route, sizeof(route)))
		return;
	culprit->has_route = true;
	culprit->route_index = route.index;
	if (route.path)
		peek_text(route.path, culprit->path, sizeof(culprit->path));
}

static void find_request(const struct task *task, struct culprit *culprit)
{
	struct req req;
	char *target = culprit->target;
	size_t len;

	if (!task->user || !peek_all(task->user, &req, sizeof(req)))
		return;
	peek_text(req.name, culprit->route, sizeof(culprit->route));
	memcpy(culprit->request, req.id, sizeof(req.id));
	culprit->request[sizeof(req.id)] = '\0';
	if (req.scope.type == WEIR_SCOPE_TASK)
		return; /* nobody asked for it */
	find_route(req.route, culprit);
	peek_str(req.scope.method, target, 24);
	len = strlen(target);
	if (len > 0)
		target[len++] = ' ';
	peek_str(req.scope.raw_path, target + len, sizeof(culprit->target) - len);
}

void culprit_find(const struct sched *sched, struct culprit *ret_culprit)
{
	struct sched seen;
	struct stack stack;
	struct task task;
	struct task_spec spec;

	memset(ret_culprit, 0, sizeof(*ret_culprit));
	if (!sched || !peek_all(sched, &seen, sizeof(seen)) || !seen.current)
		return;
	if (!peek_all(seen.current, &task, sizeof(task)))
		return;
	ret_culprit->is_task = true;
	if (peek_all(task.spec, &spec, sizeof(spec)))
		peek_text(spec.name, ret_culprit->task, sizeof(ret_culprit->task));
	if (peek_all(task.stack, &stack, sizeof(stack))) {
		ret_culprit->low = (uintptr_t)stack.low;
		ret_culprit->high = (uintptr_t)stack.top;
	}
	find_request(&task, ret_culprit);
}

void culprit_describe(const struct culprit *c, char ret_words[CULPRIT_WORDS_MAX])
{
	bool is_spawned = c->route[0] && strncmp(c->task, c->route, CULPRIT_NAME) != 0;
	/* One without parameters is the target. */
	bool has_path = c->has_route && memchr(c->path, '{', CULPRIT_NAME);
	char request[CULPRIT_TARGET + 2 * CULPRIT_NAME + 48] = "";

	if (!c->task[0]) {
		(void)snprintf(ret_words, CULPRIT_WORDS_MAX, "%s task",
			       c->is_task ? "a nameless" : "no");
		return;
	}
	if (c->request[0])
		(void)snprintf(request, sizeof(request), " (%.*s%s%s%.*s%srequest %.*s)",
			       CULPRIT_TARGET - 1, c->target, c->target[0] ? ", " : "",
			       has_path ? "route " : "", has_path ? CULPRIT_NAME - 1 : 0, c->path,
			       has_path ? ", " : "", CULPRIT_NAME - 1, c->request);
	(void)snprintf(ret_words, CULPRIT_WORDS_MAX, "%.*s%s%.*s%s", CULPRIT_NAME - 1, c->task,
		       is_spawned ? " of " : "", is_spawned ? CULPRIT_NAME - 1 : 0, c->route,
		       request);
}
