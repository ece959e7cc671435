#ifndef WEIR_CORO_GROUP_H
#define WEIR_CORO_GROUP_H
/*
 * group.h - a block of a task's code, and the tasks that run while it lasts.
 * They are cancelled when the block's owner is, and the block is not left
 * before they have returned. The public essay is in weir/coro.h.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "coro/task.h"

enum group_mode {
	GROUP_ALL,   /* the first error cancels the rest */
	GROUP_FIRST, /* the first to return cancels the rest */
	GROUP_EACH,  /* nobody cancels anybody */
};

struct group;
struct group_child; /* a spawned task: a handle that outlives the struct task */

/* Never NULL. Without memory, or outside of tasks, a group whose join fails. */
struct group *group_enter(enum group_mode mode);
/* Cancels what runs and waits for it; logs errors nobody looked at. Groups are left in turn. */
void group_leave(struct group *g);

/*
 * name, for logs, says where it was spawned; borrowed, for good. NULL when fn will not
 * be called: the group is cancelled, or it could not be started, which is an
 * error of the group (-ENOMEM; -EAGAIN with max_tasks there already).
 */
struct group_child *group_spawn(struct group *g, int (*fn)(void *arg), void *arg, const char *name);

/* -EDEADLK for anyone but the group's owner; -ECANCELED, -ETIMEDOUT. See weir/coro.h. */
MUST_USE int group_join(struct group *g);
MUST_USE int group_next(struct group *g, struct group_child **ret_child);

/* All take NULL. */
int group_child_result(struct group_child *c); /* -EINPROGRESS while it runs; NULL: -ESRCH */
void *group_child_arg(const struct group_child *c);
void group_child_cancel(struct group_child *c);

/* fn for each of n items, stride bytes apart; 0 or the first error. */
MUST_USE int group_gather(int (*fn)(void *arg), void *items, size_t n, size_t stride,
			  const char *name);

/* From here on: for this folder. */

struct group *group_outer(const struct group *g);
/* Was it opened inside a shield of its owner? */
bool group_is_shielded(const struct group *g);
/* Cancels the group itself; the tasks in it that run are put before rest, to be marked. */
struct task *group_mark(struct group *g, enum reason reason, bool is_forced, struct task *rest);

#endif
