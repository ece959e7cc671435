/*
 * census.c - see census.h. A stack that is warm has had a task, whose struct is
 * still there: it says whether it has returned.
 */
#include "coro/census.h"

#include <stdint.h>
#include <string.h>

#include "base/macro.h"
#include "base/trace.h"
#include "coro/sched.h"
#include "coro/stack.h"
#include "coro/task.h"

/* What the switch has put where, in words from the saved stack pointer: see switch_*.S. */
#if defined(WEIR_SWITCH_UCONTEXT)
#define WORDS 0
#elif defined(__x86_64__)
#define WORDS 7
#define FP 5
#define PC 6
/* DWARF's numbers of r15 r14 r13 r12 rbx rbp rip; and of rsp, and how many there are. */
static const unsigned char numbers[WORDS] = { 15, 14, 13, 12, 3, 6, 16 };
#define SP_NUMBER 7
#define N_NUMBERS 17
#else
#define WORDS 20
#define FP 10
#define PC 11
/* Of x19 to x30; d8 to d15 are not asked for. */
static const unsigned char numbers[] = { 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 };
#define SP_NUMBER 31
#define N_NUMBERS 32
#endif

static struct task *task_of(const struct stack *stack)
{
	struct task *task;

	if (!stack->is_warm)
		return NULL;
	task = task_on(stack);
	return task->has_returned ? NULL : task;
}

struct task *census_next(const struct sched *sched, const struct task *last)
{
	const struct stack *stack = last ? last->stack : NULL;

	while ((stack = stack_next(&sched->stacks, stack))) {
		struct task *task = task_of(stack);

		if (task)
			return task;
	}
	return NULL;
}

size_t census_stack_used(const struct task *task)
{
	return (size_t)(task->stack->top - (const char *)task->stack->context.sp);
}

bool census_regs(const struct task *task, struct trace_regs *ret_regs)
{
#if WORDS > 0
	const char *sp = task->stack->context.sp;
	uintptr_t words[WORDS];

	memcpy(words, sp, sizeof(words));
	memset(ret_regs, 0, sizeof(*ret_regs));
	ret_regs->pc = words[PC];
	ret_regs->fp = words[FP];
	ret_regs->sp = (uintptr_t)sp + sizeof(words);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		ret_regs->by_number[numbers[i]] = words[i];
	ret_regs->by_number[SP_NUMBER] = ret_regs->sp;
	ret_regs->n = N_NUMBERS;
	return true;
#else
	return false;
#endif
}
