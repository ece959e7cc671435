#ifndef WEIR_CORO_CENSUS_H
#define WEIR_CORO_CENSUS_H
/*
 * census.h - which tasks there are, and where each was left: for whoever looks at
 * a running worker. Nothing is kept for it: tasks are found on their stacks. On
 * the scheduler's thread, and not from a task.
 */
#include <stdbool.h>
#include <stddef.h>

struct sched;
struct stack;
struct task;
struct trace_regs;

/* All there are, ready or suspended, in no order that stays; start with NULL; NULL at the end. */
struct task *census_next(const struct sched *sched, const struct task *last);

/* Bytes of its stack that are in use while it waits. */
size_t census_stack_used(const struct task *task);
/*
 * The registers it goes on with: those that a call preserves. False where the switch of
 * stacks does not tell (ucontext).
 */
bool census_regs(const struct task *task, struct trace_regs *ret_regs);

#endif
