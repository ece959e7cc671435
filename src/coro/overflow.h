#ifndef WEIR_CORO_OVERFLOW_H
#define WEIR_CORO_OVERFLOW_H
/*
 * overflow.h - a task that runs out of stack hits the guard below it. The
 * SIGSEGV is handled on a stack of its own, says which task it was, and goes
 * to whoever handled it before: by default, the process ends with a core.
 */
#include <signal.h>
#include <stdbool.h>

#include "base/macro.h"

struct task;

struct overflow {
	struct sigaction previous;
	stack_t previous_stack;
	void *memory; /* of our signal stack; NULL when the thread had one */
	bool is_watching;
};

/* For this thread. -ENOMEM. */
MUST_USE int overflow_watch(struct overflow *overflow);
void overflow_unwatch(struct overflow *overflow);

/* A task whose canary is dead: says so and ends the process. */
_Noreturn void overflow_found(const struct task *task);

#endif
