/*
 * watchdog.c - see watchdog.h. The hard thing is that the loop goes on as it
 * likes while it is looked at: what was seen counts only if it was in the same
 * turn, and asleep in the same place, after as before. What the thread reads of
 * the loop's it reads by the kernel's hand (base/peek), since it may go meanwhile.
 */
#include "daemon/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/token_bucket.h"
#include "coro/sched.h"
#include "daemon/control.h"
#include "daemon/crash_note.h"
#include "daemon/thread_look.h"
#include "daemon/worker_lags.h"
#include "io/beat.h"

/* Asks where the loop's thread is. Few use the last real-time signals. */
#define LOOK_SIGNAL (SIGRTMAX - 2)
/*
 * Until it must have answered: on a machine with too much to do it may not run at
 * all for long. At least so long, even when stall_abort has come meanwhile.
 */
#define ANSWER_US 2000000
#define ANSWER_LEAST_US 200000
#define ANSWER_STEP_US 1000
/* While it is stuck: how often it is looked whether it still is. */
#define STUCK_STEP_US 10000
/* Who has slept for so much longer than it meant to has not watched meanwhile. */
#define PAUSE_US 100000
/* So many may be said at once, then one each five seconds: who is slow each time must not fill the log. */
#define SAID_MAX 3
#define SAID_EVERY_US ((int64_t)5 * 1000 * 1000)
#define STACK_SIZE ((size_t)128 * 1024)

struct watchdog {
	struct watchdog_setup setup;
	struct beat *beat; /* borrowed: the loop's */
	pthread_t thread;
	pid_t loop_tid;
	struct sigaction previous;

	_Atomic uint32_t asked; /* the number of the turn that the signal is about; 0: of none */

	/* the thread's own */
	struct beat_turn turn;	   /* that it has seen last */
	int64_t met_us;		   /* when it saw that first */
	uint32_t runs;		   /* of tasks, then */
	int64_t paused_us;	   /* of the turn: nobody ran, neither the loop nor who watches */
	struct token_bucket lines; /* that it may say */
	unsigned n_unsaid;	   /* since it has said something */
};

/* What was seen of a stall. */
struct sight {
	struct thread_look look;
	bool has_record;  /* in the note */
	uint32_t n_tasks; /* that have run meanwhile */
};

/* A signal handler has no argument. */
static _Atomic(struct watchdog *) watching;

/* ---- the loop's thread, in the middle of anything */

static void on_look(int signal, siginfo_t *info, void *ucontext)
{
	struct watchdog *w = atomic_load(&watching);
	struct crash_record *record;
	struct trace_regs regs;
	int error = errno;

	if (!w || atomic_load(&w->asked) == 0 || atomic_load(&w->asked) != atomic_load(&w->beat->n))
		return;
	record = &w->setup.note->stall;
	atomic_store(&record->state, CRASH_BEGUN);
	trace_regs_of(ucontext, &regs);
	crash_note_fill(record, w->setup.sched, &regs);
	atomic_store(&record->state, CRASH_WHOLE);
	errno = error;
}

/* ---- the watching thread */

static bool is_in_turn(struct watchdog *w)
{
	int64_t ended_us;

	return beat_is_in(w->beat, &w->turn, &ended_us);
}

/* True: the note has a record of a thread that sleeps. */
static bool look_from_outside(struct watchdog *w, struct sight *sight)
{
	struct crash_record *record = &w->setup.note->stall;
	struct trace_regs regs = { .pc = sight->look.pc, .sp = sight->look.sp };
	struct thread_look after;

	if (!regs.pc)
		return false;
	atomic_store(&record->state, CRASH_BEGUN);
	crash_note_fill(record, w->setup.sched, &regs);
	thread_look(w->loop_tid, &after);
	if (after.sp != regs.sp || after.pc != regs.pc || !is_in_turn(w))
		return false;
	atomic_store(&record->state, CRASH_WHOLE);
	return true;
}

/*
 * A process that was stopped, or a virtual machine that was, goes on as if
 * nothing had been. The loop gets back the time that it could not have used, which this returns.
 */
static int64_t doze(struct watchdog *w, int64_t until_us)
{
	int64_t late_us;

	beat_sleep(w->beat, until_us);
	late_us = clock_monotonic_us() - until_us;
	if (late_us <= PAUSE_US)
		return 0;
	w->paused_us += late_us;
	return late_us;
}

/* When the process ends if the turn does not. */
static int64_t aborts_at_us(const struct watchdog *w)
{
	if (w->setup.abort_ms == 0)
		return INT64_MAX;
	return w->turn.began_us + w->paused_us + w->setup.abort_ms * 1000;
}

static int64_t answers_by_us(const struct watchdog *w)
{
	int64_t now_us = clock_monotonic_us();

	if (aborts_at_us(w) >= now_us + ANSWER_US)
		return now_us + ANSWER_US;
	if (aborts_at_us(w) >= now_us + ANSWER_LEAST_US)
		return aborts_at_us(w);
	return now_us + ANSWER_LEAST_US;
}

/* True: it has written where it is. */
static bool ask(struct watchdog *w)
{
	struct crash_record *record = &w->setup.note->stall;
	int64_t until_us = answers_by_us(w);

	atomic_store(&record->state, CRASH_NONE);
	atomic_store(&w->asked, w->turn.n);
	if (syscall(SYS_tgkill, getpid(), w->loop_tid, LOOK_SIGNAL) == 0) {
		while (atomic_load(&record->state) != CRASH_WHOLE && is_in_turn(w) &&
		       !beat_is_stopped(w->beat) && clock_monotonic_us() < until_us)
			until_us += doze(w, clock_monotonic_us() + ANSWER_STEP_US);
	}
	atomic_store(&w->asked, 0);
	return atomic_load(&record->state) == CRASH_WHOLE;
}

static void look(struct watchdog *w, struct sight *sight)
{
	thread_look(w->loop_tid, &sight->look);
	sight->n_tasks = atomic_load_explicit(&w->setup.sched->n_runs, memory_order_relaxed) -
			 w->runs;
	sight->has_record = look_from_outside(w, sight);
	if (sight->has_record)
		return;
	/* One that waits for a disk will not answer; one that was not seen asleep computes. */
	if (sight->look.state == 'D' && sight->look.call >= 0)
		return;
	sight->has_record = ask(w);
	/* It was not in a call: a page of its memory had to come from somewhere. */
	if (sight->has_record && sight->look.state == 'D')
		sight->look.state = 'R';
}

static long long ms_since(int64_t us)
{
	return (long long)((clock_monotonic_us() - us) / 1000);
}

static void say(struct watchdog *w, const struct sight *sight)
{
	char who[CULPRIT_WORDS_MAX] = "what it is cannot be seen", others[64] = "", unsaid[64] = "";
	char doing[THREAD_LOOK_WORDS_MAX];
	const struct log *log = w->setup.log;

	thread_look_describe(&sight->look, doing);
	if (sight->has_record)
		culprit_describe(&w->setup.note->stall.culprit, who);
	if (w->n_unsaid > 0)
		(void)snprintf(unsaid, sizeof(unsaid), " (%u more since the last that was told)",
			       w->n_unsaid);
	if (sight->has_record && sight->n_tasks == 0 && w->setup.note->stall.culprit.is_task) {
		log_write(log, LOG_AT_WARN, "%s has held the loop for %lld ms: %s%s", who,
			  ms_since(w->turn.began_us), doing, unsaid);
		return;
	}
	if (sight->n_tasks > 0)
		(void)snprintf(others, sizeof(others), "after %u other runs of tasks, ",
			       sight->n_tasks);
	log_write(log, LOG_AT_WARN, "the loop has not turned for %lld ms; now, %s%s: %s%s",
		  ms_since(w->turn.began_us), others, who, doing, unsaid);
}

/* The log is told, and the master that there is more to tell. */
static void report(struct watchdog *w)
{
	struct sight sight;

	look(w, &sight);
	say(w, &sight);
	if (sight.has_record)
		(void)control_send_stalled(w->setup.control_fd); /* then without a backtrace */
	w->n_unsaid = 0;
}

/* False: the log has had enough for now. */
static bool report_if_one_may(struct watchdog *w)
{
	if (!token_bucket_has(&w->lines, clock_monotonic_us()))
		return false;
	token_bucket_take(&w->lines);
	report(w);
	return true;
}

/* The master reads the reason. */
static void end_process(struct watchdog *w)
{
	(void)snprintf(w->setup.note->reason, CRASH_REASON,
		       "it has held its loop for longer than stall_abort (%lld ms)",
		       (long long)w->setup.abort_ms);
	log_write(w->setup.log, LOG_AT_ERROR,
		  "the loop has not turned for %lld ms: longer than stall_abort, the worker ends",
		  ms_since(w->turn.began_us));
	(void)kill(getpid(), SIGKILL);
}

/* It is told as soon as the log may have another line: who is stuck for long is told of for sure. */
static void on_stall(struct watchdog *w)
{
	int64_t ended_us = 0;
	bool is_said;

	worker_lag_add_stall(w->setup.lag);
	is_said = report_if_one_may(w);
	while (beat_is_in(w->beat, &w->turn, &ended_us) && !beat_is_stopped(w->beat)) {
		if (clock_monotonic_us() >= aborts_at_us(w)) {
			if (!is_said)
				report(w);
			end_process(w);
		}
		is_said = is_said || report_if_one_may(w);
		(void)doze(w, clock_monotonic_us() + STUCK_STEP_US);
	}
	if (!is_said)
		w->n_unsaid++;
	if (!is_said || beat_is_stopped(w->beat))
		return;
	if (ended_us == 0)
		ended_us = clock_monotonic_us();
	log_write(w->setup.log, LOG_AT_WARN, "the loop turns again, after %lld ms",
		  (long long)((ended_us - w->turn.began_us) / 1000));
}

/*
 * A turn that was not seen before: then so many runs of tasks had begun. One is seen
 * before it is a stall; of what has begun much longer ago, neither thread has run.
 */
static void meet(struct watchdog *w, const struct beat_turn *turn)
{
	int64_t unseen_us;

	if (turn->n == w->turn.n)
		return;
	w->turn = *turn;
	w->met_us = clock_monotonic_us();
	unseen_us = w->met_us - turn->began_us - w->setup.limit_ms * 1000;
	w->paused_us = unseen_us > PAUSE_US ? unseen_us : 0;
	w->runs = atomic_load_explicit(&w->setup.sched->n_runs, memory_order_relaxed);
}

/*
 * The loop waits. One that has just turned will turn again: being woken each time
 * would cost it a system call a turn, so it is looked at again later. One that
 * has not turned for so long is listened to.
 */
static void wait_for_turn(struct watchdog *w)
{
	uint32_t count = beat_count(w->beat);

	beat_sleep(w->beat, clock_monotonic_us() + w->setup.limit_ms * 1000);
	if (beat_count(w->beat) == count)
		beat_listen(w->beat);
}

/* When the turn will be a stall: and it must have been seen for long enough to tell whose it is. */
static int64_t stalls_at_us(const struct watchdog *w)
{
	int64_t limit_us = w->setup.limit_ms * 1000;
	int64_t at_us = w->turn.began_us + limit_us, seen_us = w->met_us + limit_us / 2;

	return at_us > seen_us ? at_us : seen_us;
}

static void *watch(void *arg)
{
	struct watchdog *w = arg;

	while (!beat_is_stopped(w->beat)) {
		struct beat_turn turn;

		if (!beat_read(w->beat, &turn)) {
			wait_for_turn(w);
			continue;
		}
		meet(w, &turn);
		if (clock_monotonic_us() < stalls_at_us(w))
			(void)doze(w, stalls_at_us(w));
		else
			on_stall(w);
	}
	return NULL;
}

/* ---- its life */

/* All signals are for the loop's thread. */
static int start_thread(struct watchdog *w)
{
	pthread_attr_t attributes;
	sigset_t all, former;
	int r;

	if (pthread_attr_init(&attributes) != 0)
		return -ENOMEM;
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &former);
	r = pthread_create(&w->thread, &attributes, watch, w);
	(void)pthread_sigmask(SIG_SETMASK, &former, NULL);
	(void)pthread_attr_destroy(&attributes);
	if (r == 0)
		(void)pthread_setname_np(w->thread, "weir:watchdog");
	return -r;
}

int watchdog_start(const struct watchdog_setup *setup, struct watchdog **ret_watchdog)
{
	struct sigaction action = { .sa_sigaction = on_look,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	_cleanup_(freep) struct watchdog *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->setup = *setup;
	w->loop_tid = gettid();
	token_bucket_init(&w->lines, SAID_MAX, SAID_EVERY_US, clock_monotonic_us());
	w->beat = &setup->lag->beat;
	(void)sigfillset(&action.sa_mask);
	(void)sigaction(LOOK_SIGNAL, &action, &w->previous);
	atomic_store(&watching, w);
	r = start_thread(w);
	if (r < 0) {
		atomic_store(&watching, NULL);
		(void)sigaction(LOOK_SIGNAL, &w->previous, NULL);
		return r;
	}
	*ret_watchdog = steal_ptr(w);
	return 0;
}

struct watchdog *watchdog_stop(struct watchdog *w)
{
	if (!w)
		return NULL;
	beat_stop(w->beat);
	(void)pthread_join(w->thread, NULL);
	atomic_store(&watching, NULL);
	(void)sigaction(LOOK_SIGNAL, &w->previous, NULL);
	free(w);
	return NULL;
}
