#include "daemon/crash_note.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "crash_child.h"
#include "io/loop.h"
#include "on_valgrind.h"

static struct crash_note *note;

static void begin(void)
{
	cr_assert_eq(crash_note_new(&note), 0);
}

static bool is_whole(void)
{
	return atomic_load(&note->crash.state) == CRASH_WHOLE;
}

static __attribute__((noinline)) void touch_nothing(struct crash_note *n)
{
	volatile uintptr_t nowhere = 16;

	*(volatile int *)nowhere = 1;
}

static void abort_here(struct crash_note *n)
{
	abort();
}

static void trap_here(struct crash_note *n)
{
	__builtin_trap();
}

static void send_bus(struct crash_note *n)
{
	(void)raise(SIGBUS);
}

static void send_sys(struct crash_note *n)
{
	(void)raise(SIGSYS);
}

Test(crash_note, says_the_signal_and_the_address)
{
	begin();
	cr_assert_eq(crash_signal(note, touch_nothing), SIGSEGV);
	cr_assert(is_whole());
	cr_assert_eq(note->crash.signal, SIGSEGV);
	cr_assert(note->crash.has_address);
	cr_assert_eq(note->crash.address, 16);
	note = crash_note_free(note);
}

struct ending {
	void (*fn)(struct crash_note *n);
	int signal;
};

static const struct ending endings[] = {
	{ abort_here, SIGABRT },
	{ send_bus, SIGBUS },
	{ send_sys, SIGSYS },
#if defined(__x86_64__)
	{ trap_here, SIGILL },
#else
	{ trap_here, SIGTRAP },
#endif
};

Test(crash_note, ends_by_the_signal_that_came)
{
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		if (endings[i].signal == SIGTRAP)
			continue;
		begin();
		cr_assert_eq(crash_signal(note, endings[i].fn), endings[i].signal, "%zu", i);
		cr_assert(is_whole(), "%zu", i);
		cr_assert_eq(note->crash.signal, endings[i].signal);
		cr_assert_not(note->crash.has_address);
		note = crash_note_free(note);
	}
}

#if defined(__x86_64__) || defined(__aarch64__)
Test(crash_note, says_where_it_was_and_keeps_the_stack)
{
	begin();
	cr_assert_eq(crash_signal(note, touch_nothing), SIGSEGV);
	/* A child of ours, so its code is where ours is. */
	cr_assert_geq(note->crash.regs.pc, (uintptr_t)touch_nothing);
	cr_assert_lt(note->crash.regs.pc, (uintptr_t)touch_nothing + 256);
	cr_assert_geq(note->crash.n_frames, 2);
	cr_assert_eq(note->crash.frames[0], note->crash.regs.pc);
	cr_assert_geq(note->crash.stack_len, 256);
	note = crash_note_free(note);
}
#endif

static int crash_in_task(void *arg)
{
	touch_nothing(NULL);
	return 0;
}

static int dig(int depth)
{
	volatile char here[1024];

	here[0] = (char)depth;
	return depth > 0 ? dig(depth - 1) + here[0] : 0;
}

static int overflow_in_task(void *arg)
{
	return dig(1000000);
}

static void run_task(int (*fn)(void *arg))
{
	struct task_spec spec = { .fn = fn, .name = "shop.crash" };
	struct log log = { .fd = -1 };
	struct sched_opts opts = { .log = &log };
	struct sched *sched;
	struct loop *loop;
	struct task *task;

	if (loop_new(&loop) < 0 || sched_new(loop, &opts, &sched) < 0)
		_exit(98);
	if (task_start(sched, &spec, &task) < 0)
		_exit(97);
}

static void run_crashing_task(struct crash_note *n)
{
	run_task(crash_in_task);
}

static void run_deep_task(struct crash_note *n)
{
	run_task(overflow_in_task);
}

Test(crash_note, names_the_task)
{
	begin();
	cr_assert_eq(crash_signal(note, run_crashing_task), SIGSEGV);
	cr_assert(is_whole());
	cr_assert_str_eq(note->crash.culprit.task, "shop.crash");
	cr_assert_gt(note->crash.culprit.high, note->crash.regs.sp);
	note = crash_note_free(note);
}

/* coro/overflow speaks first, and hands on. */
Test(crash_note, has_room_when_a_stack_has_overflowed)
{
	begin();
	cr_assert_eq(crash_signal(note, run_deep_task), SIGSEGV);
	cr_assert(is_whole());
	cr_assert_str_eq(note->crash.culprit.task, "shop.crash");
	note = crash_note_free(note);
}

static void crash_at_work(struct crash_note *n)
{
	crash_note_doing(n, "shop.hash", WEIR_STR("abc-1"));
	touch_nothing(n);
}

Test(crash_note, says_what_a_process_without_tasks_does)
{
	begin();
	cr_assert_eq(crash_signal(note, crash_at_work), SIGSEGV);
	cr_assert_not(note->crash.culprit.is_task);
	cr_assert_str_eq(note->crash.culprit.task, "shop.hash");
	cr_assert_str_eq(note->crash.culprit.request, "abc-1");
	note = crash_note_free(note);
}

Test(crash_note, cuts_what_is_done_to_its_room)
{
	char name[200];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	begin();
	crash_note_doing(note, name, weir_strz(name));
	cr_assert_eq(strlen(note->doing), CULPRIT_NAME - 1);
	cr_assert_eq(strlen(note->request), CULPRIT_NAME - 1);
	note = crash_note_free(note);
}

static void *crash_in_thread(void *arg)
{
	touch_nothing(NULL);
	return NULL;
}

static void start_crashing_thread(struct crash_note *n)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, crash_in_thread, NULL) == 0)
		(void)pthread_join(thread, NULL);
}

Test(crash_note, is_written_by_other_threads_too)
{
	begin();
	cr_assert_eq(crash_signal(note, start_crashing_thread), SIGSEGV);
	cr_assert(is_whole());
	note = crash_note_free(note);
}

/* Even that must not keep the process from ending. */
static void crash_without_a_stack(struct crash_note *n)
{
#if defined(__x86_64__)
	__asm__ volatile("movq $64, %%rsp; movq $128, %%rbp; movl $1, (%%rsp)" : : : "memory");
#else
	touch_nothing(n);
#endif
}

Test(crash_note, survives_registers_that_point_nowhere)
{
	if (RUNNING_ON_VALGRIND)
		return;
	begin();
	cr_assert_eq(crash_signal(note, crash_without_a_stack), SIGSEGV);
	cr_assert(is_whole());
	note = crash_note_free(note);
}

static void do_nothing(struct crash_note *n)
{
	crash_note_unwatch();
}

Test(crash_note, is_empty_when_nothing_happened)
{
	char words[CRASH_REASON + 2];

	begin();
	cr_assert_eq(crash_signal(note, do_nothing), 0);
	cr_assert_eq(atomic_load(&note->crash.state), CRASH_NONE);
	crash_note_reason(note, words);
	cr_assert_str_empty(words);
	note = crash_note_free(note);
}

Test(crash_note, goes_with_its_handlers)
{
	struct sigaction before, after;

	begin();
	(void)sigaction(SIGABRT, NULL, &before);
	cr_assert_eq(crash_note_watch(note), 0);
	crash_note_unwatch();
	(void)sigaction(SIGABRT, NULL, &after);
	cr_assert_eq(before.sa_sigaction, after.sa_sigaction);
	note = crash_note_free(note);
}

Test(crash_note, keeps_which_files_are_where)
{
	begin();
	crash_note_map(note);
	cr_assert_gt(note->maps_len, 0);
	cr_assert_not_null(memmem(note->maps, note->maps_len, "test_daemon_crash_note\n", 23));
	cr_assert_null(memmem(note->maps, note->maps_len, "[heap]", 6));
	cr_assert_eq(note->maps[note->maps_len - 1], '\n');
	note = crash_note_free(note);
}

Test(crash_note, has_a_reason_that_is_cut_if_it_does_not_end)
{
	char words[CRASH_REASON + 2];

	begin();
	memset(note->reason, 'r', sizeof(note->reason));
	crash_note_reason(note, words);
	cr_assert_eq(strlen(words), CRASH_REASON + 1);
	cr_assert_eq(strncmp(words, ": rrr", 5), 0);
	note = crash_note_free(note);
}
