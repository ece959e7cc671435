/*
 * local.c - a task's values are one small array, shared with the tasks that
 * have the same ones and copied by the first to change it. So it never has
 * more entries than there are keys, however often a long session sets them.
 */
#include "coro/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "coro/sched.h"
#include "coro/task.h"

struct local {
	struct list link; /* of the sched's keys */
};

struct local_value {
	const struct local *key;
	void *value;
};

struct locals {
	unsigned n_refs; /* tasks, and children that have not begun */
	unsigned n;
	struct local_value values[];
};

struct local *local_new(void)
{
	struct local *key;

	if (!sched_here)
		return NULL;
	key = malloc(sizeof(*key));
	if (key)
		list_add_tail(&sched_here->local_keys, &key->link);
	return key;
}

void local_free_keys(struct sched *sched)
{
	struct list *link;

	while ((link = list_pop(&sched->local_keys)))
		free(list_entry(link, struct local, link));
}

struct locals *local_share(struct locals *l)
{
	if (l)
		l->n_refs++;
	return l;
}

void local_drop(struct locals *l)
{
	if (l && --l->n_refs == 0)
		free(l);
}

static struct local_value *find(struct locals *l, const struct local *key)
{
	for (unsigned i = 0; l && i < l->n; i++) {
		if (l->values[i].key == key)
			return &l->values[i];
	}
	return NULL;
}

/* A copy with room for one more. */
static struct locals *locals_copy(const struct locals *old)
{
	unsigned n = old ? old->n : 0;
	struct locals *l = malloc(sizeof(*l) + (n + 1) * sizeof(l->values[0]));

	if (!l)
		return NULL;
	l->n_refs = 1;
	l->n = n;
	if (old)
		memcpy(l->values, old->values, n * sizeof(l->values[0]));
	return l;
}

int local_set(const struct local *key, void *value)
{
	struct task *t = task_current();
	struct local_value *found;
	struct locals *l;

	if (!t)
		return -EDEADLK;
	found = find(t->locals, key);
	if (found && t->locals->n_refs == 1) {
		found->value = value;
		return 0;
	}
	l = locals_copy(t->locals);
	if (!l)
		return -ENOMEM;
	local_drop(t->locals);
	t->locals = l;
	found = find(l, key);
	if (!found)
		found = &l->values[l->n++];
	*found = (struct local_value){ key, value };
	return 0;
}

void *local_get(const struct local *key)
{
	const struct task *t = task_current();
	const struct local_value *found = t ? find(t->locals, key) : NULL;

	return found ? found->value : NULL;
}
