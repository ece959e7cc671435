/*
 * test_watchdog.c - a real loop, whose tasks hold it until the log, which is a
 * pipe, has the line that is expected: so nothing depends on how long things take.
 */
#include "daemon/watchdog.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/req.h"
#include "base/clock.h"
#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "daemon/control.h"
#include "daemon/crash_note.h"
#include "daemon/worker_lags.h"
#include "io/ipc.h"
#include "io/loop.h"

#define PATIENCE_MS 20000

static struct loop *loop;
static struct sched *sched;
static struct watchdog *watchdog;
static struct crash_note *note;
static struct worker_lags lags;
static struct log logger = { .level = LOG_AT_DEBUG };
static int log_fd, control[2];
static char text[8192];
static size_t len;
static struct req req;

static void begin(int64_t limit_ms, int64_t abort_ms)
{
	struct watchdog_setup setup = { .log = &logger,
					.limit_ms = limit_ms,
					.abort_ms = abort_ms };
	struct sched_opts opts = { .log = &logger };
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	log_fd = ends[0];
	logger.fd = ends[1];
	cr_assert_eq(ipc_pair(control), 0);
	if (!note)
		cr_assert_eq(crash_note_new(&note), 0);
	cr_assert_eq(worker_lags_init(&lags, 1), 0);
	cr_assert_eq(loop_new(&loop), 0);
	cr_assert_eq(sched_new(loop, &opts, &sched), 0);
	worker_lag_follow(worker_lags_at(&lags, 0), loop);
	setup.sched = sched;
	setup.note = note;
	setup.lag = worker_lags_at(&lags, 0);
	setup.control_fd = control[1];
	cr_assert_eq(watchdog_start(&setup, &watchdog), 0);
}

static void end(void)
{
	watchdog = watchdog_stop(watchdog);
	(void)sched_free(sched);
	(void)loop_free(loop);
	worker_lags_done(&lags);
	note = crash_note_free(note);
}

static bool has_said(const char *words)
{
	text[len] = '\0';
	return strstr(text, words);
}

static void read_log(void)
{
	ssize_t n = read(log_fd, text + len, sizeof(text) - 1 - len);

	cr_assert_gt(n, 0);
	len += (size_t)n;
}

/* Computes until the log has something to read. */
static __attribute__((noinline)) void burn(void)
{
	struct pollfd polled = { .fd = log_fd, .events = POLLIN };

	for (unsigned tries = 0; poll(&polled, 1, 0) == 0; tries++) {
		volatile unsigned n = tries;

		for (unsigned i = 0; i < 3000000; i++)
			n = n * 31 + i;
	}
}

static int burn_until_said(void *arg)
{
	burn();
	read_log();
	return 0;
}

static int block_until_said(void *arg)
{
	read_log();
	return 0;
}

static void on_done(struct task_spec *spec, int result)
{
}

/* Within a turn of the loop, of which others have run before. */
struct start {
	struct loop_post post;
	struct task_spec spec;
};

static void on_post(struct loop_post *post)
{
	struct task *task;

	cr_assert_eq(task_start(sched, &container_of(post, struct start, post)->spec, &task), 0);
}

static void run_in_a_turn(int (*fn)(void *arg))
{
	struct start start = {
		.post = { .run = on_post },
		.spec = { .fn = fn, .name = "shop.slow", .done = on_done, .user = &req }
	};

	req.name = "shop.slow";
	req.scope.method = WEIR_STR("GET");
	req.scope.raw_path = WEIR_STR("/slow");
	memcpy(req.id, "0123456789abcdef", SITE_ID_LEN);
	loop_turn(loop, false);
	loop_post(loop, &start.post);
	loop_turn(loop, true);
	loop_turn(loop, false);
}

/* On a machine that has much to do, the turn may be too long before its task has begun. */
static void hold_the_loop(int (*fn)(void *arg))
{
	for (unsigned tries = 0; tries < 3 && !has_said("has held the loop for"); tries++)
		run_in_a_turn(fn);
}

static void wait_said(const char *words)
{
	struct pollfd polled = { .fd = log_fd, .events = POLLIN };

	while (!has_said(words)) {
		cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "only: %s", text);
		read_log();
	}
}

static void expect_stalled(void)
{
	struct pollfd polled = { .fd = control[0], .events = POLLIN };
	struct ipc_message message;

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1);
	cr_assert_eq(control_receive(control[0], &message), 1);
	cr_assert_eq(message.type, CONTROL_STALLED);
}

Test(watchdog, says_who_computes_while_it_still_does)
{
	begin(20, 0);
	hold_the_loop(burn_until_said);
	cr_assert(has_said("warn: shop.slow (GET /slow, request 0123456789abcdef) has held the "
			   "loop for "),
		  "%s", text);
	cr_assert(has_said(" ms: it computes\n"), "%s", text);
	expect_stalled();
	cr_assert_eq(atomic_load(&note->stall.state), CRASH_WHOLE);
#if defined(__x86_64__) || defined(__aarch64__)
	cr_assert_gt(note->stall.n_frames, 2);
#endif
	wait_said("the loop turns again, after ");
	end();
}

Test(watchdog, says_who_sleeps_in_a_system_call)
{
	begin(20, 0);
	hold_the_loop(block_until_said);
	cr_assert(has_said("shop.slow (GET /slow, request 0123456789abcdef) has held the loop"),
		  "%s", text);
	cr_assert(has_said(" ms: it sleeps in read()\n"), "%s", text);
	expect_stalled();
	cr_assert_eq(atomic_load(&note->stall.state), CRASH_WHOLE);
	/* It was not interrupted: only where it sleeps is known. */
	cr_assert_eq(note->stall.regs.n, 0);
	cr_assert_neq(note->stall.regs.pc, 0);
	end();
}

static bool is_asked(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGRTMAX - 2) == 1;
}

/* As if it was not given a CPU, at the moment when it is asked. */
static int answer_late_until_said(void *arg)
{
	int64_t until_us;
	sigset_t all, former;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &former);
	while (!is_asked())
		;
	until_us = clock_monotonic_us() + (int64_t)400 * 1000;
	while (clock_monotonic_us() < until_us)
		;
	(void)pthread_sigmask(SIG_SETMASK, &former, NULL);
	return burn_until_said(arg);
}

Test(watchdog, has_patience_with_a_thread_that_does_not_run)
{
	begin(20, 0);
	hold_the_loop(answer_late_until_said);
	cr_assert(has_said("warn: shop.slow (GET /slow, request 0123456789abcdef) has held the "
			   "loop for "),
		  "%s", text);
	end();
}

Test(watchdog, counts_stalls_and_says_three_of_many)
{
	unsigned n_said = 0;

	begin(5, 0);
	/* We are in a turn here, too: it ends when the next one waits. */
	for (uint64_t n = 1; n <= 12; n++) {
		while (worker_lag_stalls(worker_lags_at(&lags, 0)) < n)
			;
		loop_turn(loop, false);
	}
	end();
	(void)close(logger.fd);
	read_log();
	text[len] = '\0';
	for (const char *p = text; (p = strstr(p, "has not turned")); p++)
		n_said++;
	/* One more if that took five seconds. */
	cr_assert(n_said == 3 || n_said == 4, "%s", text);
}

Test(watchdog, says_nothing_of_quick_turns)
{
	begin(10000, 0);
	for (size_t i = 0; i < 100; i++)
		loop_turn(loop, false);
	cr_assert_geq(histogram_read(&worker_lags_at(&lags, 0)->turns).n, 99);
	cr_assert_eq(worker_lag_stalls(worker_lags_at(&lags, 0)), 0);
	end();
	cr_assert_eq(poll(&(struct pollfd){ .fd = log_fd, .events = POLLIN }, 1, 0), 0);
}

Test(watchdog, stops_while_the_loop_is_stuck)
{
	begin(1, 0);
	loop_turn(loop, false);
	wait_said("the loop has not turned for ");
	cr_assert(has_said("no task"), "%s", text);
	end();
}

static int spin(void *arg)
{
	for (;;)
		__asm__ volatile("");
	return 0;
}

Test(watchdog, ends_a_process_that_is_stuck_for_too_long)
{
	char words[CRASH_REASON + 2];
	int status;
	pid_t pid;

	cr_assert_eq(crash_note_new(&note), 0);
	pid = fork();
	if (pid == 0) {
		(void)alarm(50);
		begin(10, 30);
		run_in_a_turn(spin);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGKILL);
	crash_note_reason(note, words);
	cr_assert_str_eq(words, ": it has held its loop for longer than stall_abort (30 ms)");
	note = crash_note_free(note);
}

#define ABORT_MS 800

/* The whole process stands still for longer than it may be stuck; it goes on for less than that. */
static int be_stopped(void *arg)
{
	int64_t until_us;

	(void)raise(SIGSTOP);
	until_us = clock_monotonic_us() + (int64_t)100 * 1000;
	while (clock_monotonic_us() < until_us)
		;
	return 0;
}

Test(watchdog, lets_a_process_live_that_was_stopped)
{
	int status, silent[2];
	pid_t pid;

	cr_assert_eq(pipe(silent), 0);
	cr_assert_eq(crash_note_new(&note), 0);
	pid = fork();
	if (pid == 0) {
		(void)alarm(50);
		begin(10, ABORT_MS);
		run_in_a_turn(be_stopped);
		end();
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
	cr_assert(WIFSTOPPED(status));
	/* The time is the kernel's: nobody else can let it pass for a process that is stopped. */
	cr_assert_eq(poll(&(struct pollfd){ .fd = silent[0], .events = POLLIN }, 1, ABORT_MS + 100),
		     0);
	cr_assert_eq(kill(pid, SIGCONT), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	note = crash_note_free(note);
}

Test(watchdog, need_not_be_there)
{
	cr_assert_null(watchdog_stop(NULL));
}
