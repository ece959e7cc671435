#include "coro/overflow.h"

#include "coro_crash.h"
#include "coro_world.h"

static struct world w;
static char text[4096];

static __attribute__((noinline)) int dig(volatile char *above, int depth)
{
	volatile char here[1024];

	here[0] = above ? above[0] : 0;
	here[1023] = (char)depth;
	if (depth > 1000000)
		return here[0];
	return dig(here, depth + 1) + here[1023];
}

static int overflow_task(void *arg)
{
	return dig(NULL, 0);
}

static void run_overflow(void *arg)
{
	struct sched_opts opts = { .guard = *(enum guard *)arg };
	struct log log;
	struct loop *loop;
	struct sched *sched;
	struct task_spec spec = { .fn = overflow_task, .name = "shop.recursive" };
	struct task *task;

	log_init(&log, 2, LOG_AT_NOTICE);
	log_set_who(&log, "worker 3");
	opts.log = &log;
	if (loop_new(&loop) < 0 || sched_new(loop, &opts, &sched) < 0)
		_exit(9);
	if (task_start(sched, &spec, &task) < 0)
		_exit(9);
}

Test(overflow, names_the_task_and_ends_by_the_signal)
{
	enum guard guard = GUARD_INSTALL;

	cr_assert_eq(crash_in_child(run_overflow, &guard, text, sizeof(text)), SIGSEGV);
	/* A date in front, as in every line of the log. */
	cr_assert_eq(strspn(text, "0123456789-T:Z"), 20, "%s", text);
	cr_assert_str_eq(text + 20, " error worker 3: task shop.recursive has overflowed its stack "
				    "of 131072 bytes\n");
}

Test(overflow, is_found_by_protected_guards_too)
{
	enum guard guard = GUARD_PROTECT;

	cr_assert_eq(crash_in_child(run_overflow, &guard, text, sizeof(text)), SIGSEGV);
	cr_assert_not_null(strstr(text, "task shop.recursive has overflowed its stack of"));
}

static int trample_task(void *arg)
{
	memset(task_current()->stack->low, 1, 64);
	return 0;
}

static void run_trample(void *arg)
{
	struct task_spec spec = { .fn = trample_task, .name = "shop.trampler" };
	struct task *task;

	world_open_with(&w, (struct sched_opts){ .guard = GUARD_CANARY });
	w.log.fd = 2;
	if (task_start(w.sched, &spec, &task) < 0)
		_exit(9);
}

Test(overflow, without_guard_pages_is_found_when_the_task_is_left)
{
	cr_assert_eq(crash_in_child(run_trample, NULL, text, sizeof(text)), SIGABRT);
	cr_assert_not_null(strstr(text, "task shop.trampler has overflowed its stack, which has no "
					"guard page"));
}

static int wild_task(void *arg)
{
	*(volatile int *)arg = 1;
	return 0;
}

static void run_wild(void *arg)
{
	struct task_spec spec = { .fn = wild_task, .arg = (void *)16, .name = "shop.wild" };
	struct task *task;

	world_open(&w);
	w.log.fd = 2;
	if (task_start(w.sched, &spec, &task) < 0)
		_exit(9);
}

/* Valgrind reports what is done here on purpose. */
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#if !defined(RUNNING_ON_VALGRIND)
#define RUNNING_ON_VALGRIND 0
#endif

#if !defined(SWITCH_ASAN) && !defined(SWITCH_TSAN)
Test(overflow, is_not_what_a_wild_pointer_is_called)
{
	if (RUNNING_ON_VALGRIND)
		return;
	cr_assert_eq(crash_in_child(run_wild, NULL, text, sizeof(text)), SIGSEGV);
	cr_assert_str_empty(text);
}
#endif

static void on_my_segv(int signal, siginfo_t *info, void *context)
{
	_exit(info->si_addr == (void *)16 ? 0 : 9);
}

static void run_wild_with_handler(void *arg)
{
	struct sigaction mine = { .sa_sigaction = on_my_segv, .sa_flags = SA_SIGINFO };

	(void)sigaction(SIGSEGV, &mine, NULL);
	run_wild(NULL);
	_exit(8);
}

Test(overflow, leaves_other_faults_to_who_handled_them_before)
{
	if (RUNNING_ON_VALGRIND)
		return;
	cr_assert_eq(crash_in_child(run_wild_with_handler, NULL, text, sizeof(text)), 0);
}

static void raise_segv(void *arg)
{
	world_open(&w);
	(void)raise(SIGSEGV);
	(void)raise(SIGSEGV);
}

Test(overflow, lets_a_signal_that_was_sent_end_the_process)
{
	cr_assert_eq(crash_in_child(raise_segv, NULL, text, sizeof(text)), SIGSEGV);
}

Test(overflow, handler_goes_with_the_scheduler)
{
	struct sigaction before, after;

	(void)sigaction(SIGSEGV, NULL, &before);
	world_open(&w);
	world_close(&w);
	(void)sigaction(SIGSEGV, NULL, &after);
	cr_assert_eq(before.sa_sigaction, after.sa_sigaction);
}
