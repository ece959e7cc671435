#ifndef WEIR_CORO_TASK_H
#define WEIR_CORO_TASK_H
/*
 * task.h - a function that can wait. A root task is started for a request; the
 * tasks it spawns (group.h) hang on it, and cancelling it cancels them all.
 *
 * A struct task lies at the top of the stack it runs on, so a task that is
 * suspended costs one page. It is gone when its function has returned: hold a
 * struct task * only until done() is called.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "coro/sched.h"
#include "coro/switch.h"
#include "io/timers.h"

struct group;
struct locals;
struct wait;

/* Why a task was cancelled. The numbers are the public API's. */
enum reason {
	REASON_NONE,	   /* it was not */
	REASON_DISCONNECT, /* the client went away */
	REASON_SHUTDOWN,   /* the worker is stopping */
	REASON_SIBLING,	   /* another task of its group decided the matter */
	REASON_EXPLICIT,   /* by a call, or its group's block was left */
};
const char *task_reason_name(enum reason reason);

struct task_spec {
	int (*fn)(void *arg);
	void *arg;
	const char *name; /* for logs and overflow reports; borrowed, must outlive the task */
	/* On the loop's stack, when the task's is free again. It may free the spec, start tasks. */
	void (*done)(struct task_spec *spec, int result);
	void *user; /* what task_user() answers in this task and all below it */
};

/*
 * Runs fn: at once, on the loop's stack, until it first suspends; from a task
 * (or in a deep nest of done() callbacks) later, when its turn comes. Then
 * *ret_task is the task, until done() is called. If it has returned at once,
 * done() was called and *ret_task, which must be valid until then, was set to
 * NULL before. -ENOMEM: nothing has happened.
 */
MUST_USE int task_start(struct sched *sched, struct task_spec *spec, struct task **ret_task);

/*
 * Cancels the task and everything below it; may be called from anywhere but
 * another thread. The first reason stays. Shields hold: what runs in one goes
 * on up to its limit.
 */
void task_cancel(struct task *task, enum reason reason);
/* The same, and shields do not hold: the worker's grace is over. */
void task_cancel_now(struct task *task, enum reason reason);

/* The running task; NULL on the loop's own behalf. */
struct task *task_current(void);
const char *task_name(const struct task *task);
/* Why it was cancelled, if it was, whether or not a shield holds. */
enum reason task_reason(const struct task *task);
/* Of the running task: spec->user of its root; NULL outside of tasks. */
void *task_user(void);

/*
 * What every suspending call asks before anything else: 0, -ECANCELED,
 * -ETIMEDOUT, or -EDEADLK where nothing may be waited for (outside of tasks).
 * Who is refused again and again is made to wait here: it may suspend.
 */
MUST_USE static inline int task_check(void);

/*
 * Pointers handed down: a group remembers those of the task that opens it, and
 * its tasks begin with them. So what they point to need only outlive the group.
 */
enum task_slot { TASK_SLOT_SCRATCH, TASK_SLOT_SPARE, TASK_SLOTS };
void *task_slot(enum task_slot slot);
void task_set_slot(enum task_slot slot, void *value);

/* From here on: for this folder. */

struct deadline_scope {
	int64_t limit_ms; /* as it was outside */
	uint32_t shield;
	bool is_shield;
};
#define TASK_SCOPES 4 /* that need no malloc */

/*
 * It stays on its stack when the task has returned, for the next one: what is
 * marked (same) is then as it was when the task began.
 */
struct task {
	/* what each wait touches: two cache lines, which come from afar when thousands take turns */
	struct sched *sched; /* borrowed (same) */
	struct stack *stack; /* (same) */
	struct ready ready;  /* in the sched's ready or parked list, or in none (same) */
	struct wait *wait;   /* what it is parked on; NULL: not parked (same) */
	int64_t limit_ms;    /* the nearest deadline in force */
	enum reason reason;  /* of its cancellation */
	unsigned n_lost;     /* scopes there was no memory for */
	struct timer timer;  /* of the wait; stopped (same) */
	int64_t parked_ms;
	unsigned n_refused; /* calls in a row that were refused: see task_check() */
	bool is_fixed;	    /* waits for what must not be given up */
	bool has_returned;
	bool is_forced; /* shields do not hold any more */

	struct task_spec *spec; /* borrowed */
	int result;

	/* cancellation and limits */
	unsigned n_shields;   /* of its own, in which it is */
	uint32_t shield;      /* the number of the innermost, its own or its group's; 0: none */
	struct group *groups; /* that it has open, the innermost first; none (same) */
	struct task *next_to_mark; /* while a tree is cancelled */
	unsigned n_scopes;
	unsigned max_scopes;	       /* (same) */
	struct deadline_scope *scopes; /* own_scopes, or owned (same) */

	/* handed down */
	struct locals *locals; /* a reference; NULL: none set (same) */
	void *user;
	void *slots[TASK_SLOTS];

	struct deadline_scope own_scopes[TASK_SCOPES];
};

/* Where it lies, on its stack. */
static inline struct task *task_on(const struct stack *stack)
{
	return (struct task *)(void *)(stack->top - ((sizeof(struct task) + 63) & ~(size_t)63));
}

/* A task on this stack, not yet run: for group.c, which hands more down. */
struct task *task_make(struct sched *sched, struct stack *stack, struct task_spec *spec);
/* Runs it until it suspends or has returned; then done() was called and it is gone. */
void task_run(struct task *task);
/* Leaves the task's stack; somebody must have seen to it that it goes on. */
void task_suspend(struct task *task);
/* Marks these, linked by next_to_mark, and all below. */
void task_mark(struct task *first, enum reason reason, bool is_forced);

static inline bool task_is_cancelled(const struct task *t)
{
	return t->reason != REASON_NONE && (t->n_shields == 0 || t->is_forced);
}

/* For whom something has to be looked at: a task that is cancelled, has a limit, or is none. */
MUST_USE int task_check_closely(void);

static inline int task_check(void)
{
	const struct sched *sched = sched_here;
	struct task *t = sched && !sched->is_outside ? sched->current : NULL;

	if (!t || t->reason != REASON_NONE || t->limit_ms != INT64_MAX || t->n_lost > 0)
		return task_check_closely();
	t->n_refused = 0;
	return 0;
}

#endif
