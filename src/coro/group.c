/*
 * group.c - a child goes through three lists of its group: live (spawned, with
 * or without a stack yet), finished (for group_next), kept (until the block
 * ends, because somebody may hold the handle). It gets a stack only when its
 * turn comes, so a thousand tasks that never wait use one stack; the stack was
 * promised when it was spawned, so that it cannot fail any more.
 */
#include "coro/group.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "coro/local.h"
#include "coro/wait.h"
#include "io/loop.h"

struct group {
	struct sched *sched; /* NULL: the group that stands for "no memory" */
	struct task *owner;
	struct group *outer; /* of the owner's; open longer than this one */
	enum group_mode mode;
	enum reason reason; /* why it is cancelled */
	struct list live, finished, kept;
	unsigned n_live, n_uncollected;
	struct wait changed;	     /* the owner waits for a child to finish */
	struct group_child *decider; /* whose result is the group's */
	struct group_child *last;    /* that group_next() returned */
	int result;
	bool has_result;

	/* what its tasks begin with */
	unsigned n_shields; /* of the owner's, when it was opened */
	uint32_t shield;
	void *user;
	void *slots[TASK_SLOTS];
};

enum child_state {
	CHILD_SPAWNED,	/* in the ready queue, a stack is promised to it */
	CHILD_RUNNING,	/* has a task */
	CHILD_FINISHED, /* has a result */
};

struct group_child {
	struct ready ready;
	struct list link; /* in one of the group's lists */
	struct group *group;
	struct task *task; /* while it runs */
	int (*fn)(void *arg);
	void *arg;
	struct task_spec spec; /* of child_main() */
	enum child_state state;
	enum reason reason; /* why it was cancelled before it ran; afterwards, of its task */
	int result;
	bool is_observed; /* somebody has seen the result */

	/* what it inherits from its spawner */
	int64_t limit_ms;
	bool has_shield; /* spawned inside a shield that its group is outside of */
	bool is_forced;
	uint32_t shield;
	struct locals *locals;
};

/* What stands for no group. Nobody writes to it: sched is asked first. */
static const struct group no_group = { .mode = GROUP_ALL };

struct group *group_enter(enum group_mode mode)
{
	struct task *t = task_current();
	struct group *g = NULL;

	if (t && !t->sched->is_outside)
		g = calloc(1, sizeof(*g));
	if (!g)
		return (struct group *)(uintptr_t)&no_group;
	g->sched = t->sched;
	g->owner = t;
	g->mode = mode;
	if (task_is_cancelled(t))
		g->reason = t->reason;
	list_init(&g->live);
	list_init(&g->finished);
	list_init(&g->kept);
	wait_init(&g->changed);
	g->n_shields = t->n_shields;
	g->shield = t->shield;
	g->user = t->user;
	memcpy(g->slots, t->slots, sizeof(g->slots));
	g->outer = t->groups;
	t->groups = g;
	return g;
}

struct group *group_outer(const struct group *g)
{
	return g->outer;
}

bool group_is_shielded(const struct group *g)
{
	return g->n_shields > 0;
}

static void child_free(struct group_child *c)
{
	list_del(&c->link);
	free(c);
}

struct task *group_mark(struct group *g, enum reason reason, bool is_forced, struct task *rest)
{
	if (g->reason == REASON_NONE)
		g->reason = reason;
	list_for_each (it, &g->live) {
		struct group_child *c = list_entry(it, struct group_child, link);

		if (c->state == CHILD_RUNNING) {
			c->task->next_to_mark = rest;
			rest = c->task;
			continue;
		}
		if (c->reason == REASON_NONE)
			c->reason = reason;
		c->is_forced |= is_forced;
	}
	return rest;
}

static void group_cancel(struct group *g, enum reason reason)
{
	if (g->reason == REASON_NONE)
		task_mark(group_mark(g, reason, false, NULL), reason, false);
}

static void group_decide(struct group *g, int result, struct group_child *decider)
{
	if (g->has_result)
		return;
	g->has_result = true;
	g->result = result;
	g->decider = decider;
	if (g->mode != GROUP_EACH)
		group_cancel(g, REASON_SIBLING);
}

/* Who was cancelled and says so has not failed, and has not won either. */
static bool has_obeyed(const struct group_child *c)
{
	return c->result == -ECANCELED && c->reason != REASON_NONE;
}

static void on_child_done(struct task_spec *spec, int result)
{
	struct group_child *c = container_of(spec, struct group_child, spec);
	struct group *g = c->group;

	c->result = result;
	c->state = CHILD_FINISHED;
	c->task = NULL;
	list_move_tail(&g->finished, &c->link);
	g->n_live--;
	g->n_uncollected++;
	if (!has_obeyed(c)) {
		if (g->mode == GROUP_FIRST || (g->mode == GROUP_ALL && result < 0))
			group_decide(g, result, c);
	}
	wait_wake(&g->changed);
}

/* fn runs through here, so that the reason is known when the task is gone. */
static int child_main(void *arg)
{
	struct group_child *c = arg;
	int r;

	r = c->fn(c->arg);
	c->reason = c->task->reason;
	return r;
}

static void child_begin(struct ready *ready)
{
	struct group_child *c = container_of(ready, struct group_child, ready);
	struct group *g = c->group;
	struct sched *sched = g->sched;
	struct task *t = task_make(sched, stack_take_reserved(&sched->stacks), &c->spec);

	c->state = CHILD_RUNNING;
	c->task = t;
	t->reason = c->reason;
	t->is_forced = c->is_forced;
	t->limit_ms = c->limit_ms;
	t->shield = c->shield;
	t->n_shields = c->has_shield ? 1 : 0;
	t->locals = steal_ptr(c->locals);
	memcpy(t->slots, g->slots, sizeof(t->slots));
	task_run(t);
}

/* Limits and locals come from who spawns, which need not be the group's owner, nor a task. */
static void child_inherit(struct group_child *c, const struct task *spawner)
{
	const struct group *g = c->group;

	c->limit_ms = INT64_MAX;
	c->shield = g->shield;
	if (!spawner) {
		c->locals = local_share(g->owner->locals);
		return;
	}
	c->limit_ms = spawner->limit_ms;
	c->locals = local_share(spawner->locals);
	if (spawner->shield != 0 && spawner->shield != g->shield) {
		c->has_shield = true;
		c->shield = spawner->shield;
	}
}

static int child_new(struct group *g, struct group_child **ret_child)
{
	struct sched *sched = g->sched;
	/* Results that wait to be collected take room as well. */
	unsigned n = g->n_live + (g->mode == GROUP_EACH ? g->n_uncollected : 0);
	struct group_child *c;

	if (n >= sched->max_tasks)
		return -EAGAIN;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	if (stack_reserve(&sched->stacks) < 0) {
		free(c);
		return -ENOMEM;
	}
	*ret_child = c;
	return 0;
}

struct group_child *group_spawn(struct group *g, int (*fn)(void *arg), void *arg, const char *name)
{
	struct group_child *c;
	int r;

	if (!g->sched || g->reason != REASON_NONE)
		return NULL;
	r = child_new(g, &c);
	if (r < 0) {
		group_decide(g, r, NULL);
		return NULL;
	}
	c->group = g;
	c->fn = fn;
	c->arg = arg;
	c->spec = (struct task_spec){
		.fn = child_main, .arg = c, .name = name, .done = on_child_done, .user = g->user
	};
	child_inherit(c, task_current());
	list_init(&c->ready.link);
	c->ready.run = child_begin;
	list_add_tail(&g->live, &c->link);
	g->n_live++;
	sched_make_ready(g->sched, &c->ready);
	return c;
}

/* What the owner asks before it waits. */
static int owner_check(const struct group *g)
{
	int r;

	if (!g->sched)
		return task_current() ? -ENOMEM : -EDEADLK;
	r = task_check();
	if (r < 0)
		return r;
	return task_current() == g->owner ? 0 : -EDEADLK;
}

/* Whatever happens: the tasks work on what is declared in the owner's block. */
static void wait_for_all(struct group *g)
{
	while (g->n_live > 0)
		wait_park_anyway(&g->changed);
}

static int group_result(struct group *g)
{
	if (g->has_result)
		return g->result;
	/* A race that nobody won because each was called off. */
	if (g->mode == GROUP_FIRST && !(list_is_empty(&g->finished) && list_is_empty(&g->kept)))
		return -ECANCELED;
	return 0;
}

int group_join(struct group *g)
{
	int r;

	r = owner_check(g);
	if (!g->sched || r == -EDEADLK)
		return r;
	while (r >= 0 && g->n_live > 0)
		r = wait_park_checked(&g->changed);
	if (r < 0) {
		group_cancel(g, r == -ECANCELED ? g->owner->reason : REASON_EXPLICIT);
		wait_for_all(g);
		return r;
	}
	if (g->decider)
		g->decider->is_observed = true;
	return group_result(g);
}

/* The handle that the last call returned is no longer valid, in EACH. */
static void forget_last(struct group *g)
{
	if (g->last && g->mode == GROUP_EACH)
		child_free(g->last);
	g->last = NULL;
}

int group_next(struct group *g, struct group_child **ret_child)
{
	struct group_child *c;
	struct list *link;
	int r;

	r = owner_check(g);
	if (r < 0)
		return r;
	forget_last(g);
	while (list_is_empty(&g->finished) && g->n_live > 0) {
		r = wait_park_checked(&g->changed);
		if (r < 0)
			return r;
	}
	link = list_pop(&g->finished);
	if (!link)
		return 0;
	c = list_entry(link, struct group_child, link);
	list_add_tail(&g->kept, &c->link);
	g->n_uncollected--;
	c->is_observed = true;
	g->last = c;
	*ret_child = c;
	return 1;
}

static bool is_unseen_error(const struct group_child *c)
{
	if (c->result >= 0 || c->is_observed || has_obeyed(c))
		return false;
	/* Its deadline was its spawner's too, who has been told the same. */
	return !(c->result == -ETIMEDOUT && c->limit_ms <= loop_now_ms(c->group->sched->loop));
}

/* One line, however many: a thousand tasks often fail for one reason. */
static void log_unseen(const struct group *g, const char *name, int result, unsigned n)
{
	char others[48] = "";

	if (n > 1)
		(void)snprintf(others, sizeof(others), "; so did %u more of its group", n - 1);
	sched_log(g->sched, LOG_AT_WARN, "task %s returned %s (%d) and nobody looked%s", name,
		  str_error_name(result), result, others);
}

static void report_unseen(const struct group *g)
{
	const struct list *const lists[] = { &g->finished, &g->kept };
	const struct group_child *first = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		list_for_each (it, lists[i]) {
			const struct group_child *c = list_entry(it, struct group_child, link);

			if (is_unseen_error(c) && n++ == 0)
				first = c;
		}
	}
	if (first)
		log_unseen(g, first->spec.name, first->result, n);
}

static void free_children(struct list *children)
{
	list_for_each_safe (it, children)
		child_free(list_entry(it, struct group_child, link));
}

void group_leave(struct group *g)
{
	if (!g->sched)
		return;
	assert(g->owner == task_current() && g->owner->groups == g);
	if (g->n_live > 0) {
		group_cancel(g, REASON_EXPLICIT);
		wait_for_all(g);
	}
	g->owner->groups = g->outer;
	report_unseen(g);
	free_children(&g->finished);
	free_children(&g->kept);
	free(g);
}

int group_child_result(struct group_child *c)
{
	if (!c)
		return -ESRCH;
	if (c->state != CHILD_FINISHED)
		return -EINPROGRESS;
	c->is_observed = true;
	return c->result;
}

void *group_child_arg(const struct group_child *c)
{
	return c ? c->arg : NULL;
}

void group_child_cancel(struct group_child *c)
{
	if (!c || c->state == CHILD_FINISHED)
		return;
	if (c->state == CHILD_RUNNING)
		task_cancel(c->task, REASON_EXPLICIT);
	else if (c->reason == REASON_NONE)
		c->reason = REASON_EXPLICIT;
}

int group_gather(int (*fn)(void *arg), void *items, size_t n, size_t stride, const char *name)
{
	struct group *g = group_enter(GROUP_ALL);
	int r;

	for (size_t i = 0; i < n; i++)
		(void)group_spawn(g, fn, (char *)items + i * stride, name); /* join tells */
	r = group_join(g);
	group_leave(g);
	return r;
}
