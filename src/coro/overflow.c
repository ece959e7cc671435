/*
 * overflow.c - see overflow.h. A signal handler may use next to nothing: the
 * line is put together by hand and written with write(2). What it reads, the
 * thread's sched and its current task, changes only by plain stores of this
 * same thread.
 */
#include "coro/overflow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"

/* The kernel's own frame can be more than 10 KiB on CPUs with wide registers. */
#define SIGNAL_STACK ((size_t)64 * 1024)

struct line {
	char text[512];
	size_t len;
};

static void put(struct line *line, const char *s)
{
	size_t n = strlen(s), room = sizeof(line->text) - 1 - line->len;

	if (n > room)
		n = room;
	memcpy(line->text + line->len, s, n);
	line->len += n;
}

static void put_number(struct line *line, size_t n)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put(line, p);
}

static void say(const struct task *task, const char *how)
{
	const struct log *log = task->sched->log;
	struct line line = { .len = 0 };
	char date[CLOCK_ISO_DATE];

	if (log->has_time) {
		clock_iso_date(clock_real_s(), date);
		put(&line, date);
		put(&line, " ");
	}
	put(&line, "error");
	if (log->who[0]) {
		put(&line, " ");
		put(&line, log->who);
	}
	put(&line, ": task ");
	put(&line, task_name(task));
	put(&line, how);
	put_number(&line, (size_t)(task->stack->top - task->stack->low));
	put(&line, " bytes");
	line.text[line.len++] = '\n';
	if (write(log->fd, line.text, line.len) < 0)
		return; /* nobody is left to tell */
}

static void on_segv(int signal, siginfo_t *info, void *ucontext)
{
	const struct sched *sched = sched_here;
	const struct task *task = sched ? sched->current : NULL;

	if (task && !sched->is_outside && stack_guards(task->stack, info->si_addr))
		say(task, " has overflowed its stack of ");
	/* Returning repeats the access, and so the signal, for the next in line. */
	if (sched && sched->overflow.is_watching)
		(void)sigaction(SIGSEGV, &sched->overflow.previous, NULL);
	else
		(void)sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	/* One that was sent, by kill(2), does not repeat by itself. */
	if (info->si_code <= 0)
		(void)raise(signal);
}

static int use_signal_stack(struct overflow *overflow)
{
	stack_t ours = { .ss_size = SIGNAL_STACK };

	(void)sigaltstack(NULL, &overflow->previous_stack);
	if (!(overflow->previous_stack.ss_flags & SS_DISABLE))
		return 0;
	overflow->memory = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (overflow->memory == MAP_FAILED) {
		overflow->memory = NULL;
		return -ENOMEM;
	}
	ours.ss_sp = overflow->memory;
	(void)sigaltstack(&ours, NULL);
	return 0;
}

int overflow_watch(struct overflow *overflow)
{
	struct sigaction action = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int r;

	r = use_signal_stack(overflow);
	if (r < 0)
		return r;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGSEGV, &action, &overflow->previous);
	overflow->is_watching = true;
	return 0;
}

void overflow_unwatch(struct overflow *overflow)
{
	(void)sigaction(SIGSEGV, &overflow->previous, NULL);
	overflow->is_watching = false;
	if (!overflow->memory)
		return;
	(void)sigaltstack(&overflow->previous_stack, NULL);
	(void)munmap(overflow->memory, SIGNAL_STACK);
	overflow->memory = NULL;
}

COLD void overflow_found(const struct task *task)
{
	say(task, " has overflowed its stack, which has no guard page, of ");
	abort();
}
