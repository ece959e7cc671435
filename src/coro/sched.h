#ifndef WEIR_CORO_SCHED_H
#define WEIR_CORO_SCHED_H
/*
 * sched.h - the scheduler of one thread: who runs next, and how to get back to
 * the loop's stack. Every switch goes through the loop's stack, never from
 * task to task: so code that a task calls a lot (send, TLS, logging) can run
 * there too, and a suspended task keeps a single page.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"
#include "coro/overflow.h"
#include "coro/stack.h"
#include "coro/switch.h"
#include "io/timers.h"

struct log;
struct loop;
struct future_inbox;
struct sched;
struct task;
struct threads;

struct sched_opts {
	size_t stack_size;     /* usable bytes; 0: 128 KiB */
	unsigned max_tasks;    /* per group; 0: 10 000 */
	unsigned threads;      /* at most, for blocking calls; 0: 4 */
	bool has_idle_sweep;   /* memory of tasks that wait is given back although no event comes */
	const struct log *log; /* borrowed; NULL: to standard error */
	enum guard guard;      /* the best to use; 0 is the best there is */
};

/* One sched a thread: -EBUSY. Installs the loop's turn hook; the loop must outlive it. -ENOMEM. */
MUST_USE int sched_new(struct loop *loop, const struct sched_opts *opts, struct sched **ret_sched);
/* All tasks must have returned. */
struct sched *sched_free(struct sched *sched);
DEFINE_CLEANUP(struct sched, sched_free)

/*
 * Runs fn on the loop's stack, now: it has returned when this returns. From a
 * task it keeps the task's stack small; elsewhere it is a plain call. fn must
 * not suspend; tasks that it starts are queued.
 */
void sched_outside(void (*fn)(void *arg), void *arg);

/* A line of at most 500 bytes in the log, from a task as well. */
void sched_log(const struct sched *sched, int level, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The loop's clock; 0 on a thread without a scheduler. */
int64_t sched_now_ms(void);

/* Tasks that exist, running, ready or suspended; without those spawned that have not begun. */
size_t sched_n_tasks(const struct sched *sched);

/* From here on: for this folder. */

/* Who waits for its turn: a task that goes on, or one that has not begun and has no stack yet. */
struct ready {
	struct list link;
	void (*run)(struct ready *ready);
};

struct sched {
	struct task *current; /* whose code runs, also while it is outside; NULL: the loop's own */
	bool is_outside;      /* on the loop's stack, for current */
	_Atomic uint32_t
		n_runs;	     /* times that a task has begun to run or gone on: others may look */
	unsigned depth;	     /* of done() callbacks that start tasks that end, and so on */
	struct context main; /* the loop's stack, while a task runs */
	void (*outside_fn)(void *arg);
	void *outside_arg;

	struct list ready;  /* struct ready, in the order of their turns */
	struct list parked; /* struct ready of tasks; who has waited longest is first */
	size_t n_tasks;
	bool has_idle_sweep;
	struct timer sweeper; /* for the sweep of a quiet loop */
	int64_t sweep_ms;     /* when the next sweep is due */

	struct stack_pool stacks;
	struct loop *loop;     /* borrowed */
	const struct log *log; /* borrowed */
	unsigned max_tasks;
	uint32_t n_shields;	    /* numbers them */
	struct list local_keys;	    /* owned; see local.c */
	struct future_inbox *inbox; /* shared with futures that outlive the sched */
	struct threads *threads;    /* owned; NULL until the first call; see offload.c */
	struct threads *bulk;	    /* the same, for what takes a CPU */
	unsigned max_threads;
	struct overflow overflow;
};

/*
 * The running sched of this thread: the API has calls without an argument to
 * find it by. initial-exec, because a function call for each of them would be
 * dearer than what they do, and because a signal handler reads it.
 */
extern _Thread_local struct sched *sched_here __attribute__((tls_model("initial-exec")));

static inline void sched_make_ready(struct sched *sched, struct ready *ready)
{
	list_move_tail(&sched->ready, &ready->link);
}

#endif
