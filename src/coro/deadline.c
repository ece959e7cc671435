/*
 * deadline.c - a task keeps only what is in force (limit_ms, shield); a scope
 * keeps what it was outside, to restore it. So looking at a deadline is one
 * comparison, however deep they are nested.
 */
#include "coro/deadline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coro/sched.h"
#include "coro/task.h"
#include "io/loop.h"

static bool scopes_grow(struct task *t)
{
	unsigned max = t->max_scopes * 2;
	struct deadline_scope *more = malloc(max * sizeof(*more));

	if (!more)
		return false;
	memcpy(more, t->scopes, t->n_scopes * sizeof(*more));
	if (t->scopes != t->own_scopes)
		free(t->scopes);
	t->scopes = more;
	t->max_scopes = max;
	return true;
}

static bool scope_push(struct task *t, bool is_shield)
{
	/* Once one is lost, so are all within it: they are popped in turn. */
	if (t->n_lost > 0 || (t->n_scopes == t->max_scopes && !scopes_grow(t))) {
		t->n_lost++;
		return false;
	}
	t->scopes[t->n_scopes++] = (struct deadline_scope){ .limit_ms = t->limit_ms,
							    .shield = t->shield,
							    .is_shield = is_shield };
	return true;
}

static void scope_pop(struct task *t, bool is_shield)
{
	const struct deadline_scope *scope;

	if (t->n_lost > 0) {
		t->n_lost--;
		return;
	}
	assert(t->n_scopes > 0);
	scope = &t->scopes[--t->n_scopes];
	assert(scope->is_shield == is_shield);
	t->limit_ms = scope->limit_ms;
	t->shield = scope->shield;
}

static int64_t limit_in(const struct task *t, int64_t ms)
{
	int64_t now_ms = loop_now_ms(t->sched->loop);

	if (ms <= 0)
		return now_ms;
	return ms < INT64_MAX - now_ms ? now_ms + ms : INT64_MAX;
}

void deadline_push(int64_t ms)
{
	struct task *t = task_current();
	int64_t limit_ms;

	if (!t || !scope_push(t, false))
		return;
	limit_ms = limit_in(t, ms);
	if (limit_ms < t->limit_ms)
		t->limit_ms = limit_ms;
}

int deadline_pop(int result)
{
	struct task *t = task_current();

	if (t)
		scope_pop(t, false);
	return result;
}

bool deadline_has_passed(void)
{
	const struct task *t = task_current();

	return t && t->limit_ms <= loop_now_ms(t->sched->loop);
}

int64_t deadline_nearest_ms(void)
{
	const struct task *t = task_current();

	return t ? t->limit_ms : INT64_MAX;
}

void deadline_push_shield(int64_t ms)
{
	struct task *t = task_current();

	if (!t || !scope_push(t, true))
		return;
	t->limit_ms = limit_in(t, ms);
	t->shield = ++t->sched->n_shields;
	t->n_shields++;
	t->n_refused = 0;
}

int deadline_pop_shield(int result)
{
	struct task *t = task_current();

	if (!t)
		return result;
	if (t->n_lost == 0)
		t->n_shields--;
	scope_pop(t, true);
	return result;
}
