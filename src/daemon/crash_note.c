/*
 * crash_note.c - see crash_note.h. A handler has no argument to find its note
 * by: hence the one global. What it does is little: it copies, by the
 * kernel's hand, and lets the signal go on.
 */
#include "daemon/crash_note.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/peek.h"
#include "base/shared.h"
#include "base/str.h"
#include "coro/sched.h"

/* The kernel's own frame can be more than 10 KiB on CPUs with wide registers. */
#define SIGNAL_STACK ((size_t)64 * 1024)

/* How much the main thread's stack may have, unless somebody has changed it. */
#define OWN_STACK ((uintptr_t)8 * 1024 * 1024)

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };

static struct {
	struct crash_note *note; /* borrowed; NULL: nobody watches */
	uintptr_t own_high;	 /* where the main thread's stack ends */
	struct sigaction previous[ARRAY_LEN(signals)];
	void *stack; /* owned */
} watched;

int crash_note_new(struct crash_note **ret_note)
{
	*ret_note = shared_new(sizeof(**ret_note));
	return *ret_note ? 0 : -ENOMEM;
}

struct crash_note *crash_note_free(struct crash_note *note)
{
	return shared_free(note, sizeof(*note));
}

/* ---- a record */

void crash_note_fill(struct crash_record *record, const struct sched *sched,
		     const struct trace_regs *regs)
{
	uintptr_t own_high = watched.own_high;
	uintptr_t sp = regs->sp & ~(sizeof(uintptr_t) - 1);
	struct trace_stack stack = { .low = sp, .bytes = (const void *)sp };

	record->regs = *regs;
	culprit_find(sched, &record->culprit);
	record->stack_at = sp;
	record->stack_len = 0;
	record->stack_len = (uint32_t)peek_bytes((const void *)sp, record->stack, CRASH_STACK);
	/* What is known to be there: the task's stack, the thread's, or what could be copied. */
	if (sp >= record->culprit.low && sp < record->culprit.high)
		stack.high = record->culprit.high;
	else if (sp < own_high && own_high - sp < OWN_STACK)
		stack.high = own_high;
	else
		stack.high = sp + record->stack_len;
	record->n_frames = 0;
	if (regs->fp)
		record->n_frames = (uint32_t)trace_walk(&stack, regs->pc, regs->fp, record->frames,
							CRASH_FRAMES);
}

static void on_crash(int signal, siginfo_t *info, void *ucontext)
{
	struct crash_record *record = &watched.note->crash;
	uint32_t none = CRASH_NONE;
	struct trace_regs regs;
	int error = errno;

	if (atomic_compare_exchange_strong(&record->state, &none, CRASH_BEGUN)) {
		record->signal = signal;
		/* Where an address is no address, the kernel does not know which it was. */
		record->has_address = (signal == SIGSEGV || signal == SIGBUS) &&
				      info->si_code > 0 && info->si_code != SI_KERNEL;
		record->address = (uint64_t)(uintptr_t)info->si_addr;
		trace_regs_of(ucontext, &regs);
		crash_note_fill(record, sched_here, &regs);
		if (!record->culprit.is_task) {
			memcpy(record->culprit.task, watched.note->doing, CULPRIT_NAME);
			memcpy(record->culprit.request, watched.note->request, CULPRIT_NAME);
		}
		atomic_store(&record->state, CRASH_WHOLE);
	}
	errno = error;
	/* Returning repeats what has failed, and so the signal, for the next in line. */
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		if (signals[i] == signal)
			(void)sigaction(signal, &watched.previous[i], NULL);
	}
	/* But not one that was sent, by kill(2) or by raise(3), or a system call that was refused. */
	if (info->si_code <= 0 || signal == SIGSYS)
		(void)raise(signal);
}

/* ---- the child */

/* Where the stack of the thread that calls ends; 0 when nobody knows. */
static uintptr_t find_own_high(void)
{
	pthread_attr_t attributes;
	void *low = NULL;
	size_t size = 0;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return 0;
	(void)pthread_attr_getstack(&attributes, &low, &size);
	(void)pthread_attr_destroy(&attributes);
	return (uintptr_t)low + size;
}

static int use_signal_stack(void)
{
	stack_t stack = { .ss_size = SIGNAL_STACK };

	stack.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	if (stack.ss_sp == MAP_FAILED)
		return -ENOMEM;
	watched.stack = stack.ss_sp;
	(void)sigaltstack(&stack, NULL);
	return 0;
}

int crash_note_watch(struct crash_note *note)
{
	struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int r;

	r = use_signal_stack();
	if (r < 0)
		return r;
	watched.note = note;
	watched.own_high = find_own_high();
	crash_note_map(note);
	(void)sigfillset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &action, &watched.previous[i]);
	return 0;
}

void crash_note_unwatch(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &watched.previous[i], NULL);
	(void)sigaltstack(&none, NULL);
	(void)munmap(watched.stack, SIGNAL_STACK);
	memset(&watched, 0, sizeof(watched));
}

/* Tasks' stacks have thousands of lines without a file: nobody asks for those. */
static void add_line(struct crash_note *note, const char *line)
{
	size_t len = strlen(line);

	if (!strchr(line, '/') || note->maps_len + len > CRASH_MAPS)
		return;
	memcpy(note->maps + note->maps_len, line, len);
	note->maps_len += (uint32_t)len;
}

void crash_note_map(struct crash_note *note)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t size = 0;

	if (!maps)
		return;
	note->maps_len = 0;
	note->mapped_at = clock_real_s();
	while (getline(&line, &size, maps) > 0)
		add_line(note, line);
	free(line);
	(void)fclose(maps);
}

static void keep(char to[CULPRIT_NAME], weir_str text)
{
	size_t len = text.len < CULPRIT_NAME ? text.len : CULPRIT_NAME - 1;

	(void)str_put(to, (weir_str){ text.ptr, len });
	to[len] = '\0';
}

void crash_note_doing(struct crash_note *note, const char *what, weir_str request_id)
{
	keep(note->doing, weir_strz(what));
	keep(note->request, request_id);
}

/* ---- the master */

void crash_note_reason(const struct crash_note *note, char ret_words[CRASH_REASON + 2])
{
	int len = (int)strnlen(note->reason, CRASH_REASON - 1);

	ret_words[0] = '\0';
	if (len > 0)
		(void)snprintf(ret_words, CRASH_REASON + 2, ": %.*s", len, note->reason);
}
