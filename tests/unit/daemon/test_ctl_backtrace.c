/* test_ctl_backtrace.c - a note of this very process, and a child that finds the names in it. */
#include "daemon/ctl_backtrace.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "daemon/crash_note.h"
#include "io/loop.h"

static struct loop *loop;
static struct ctl_backtrace backtrace;
static unsigned n_done;

static void on_done(struct ctl_backtrace *b)
{
	n_done++;
	loop_stop(loop);
}

static void begin(void)
{
	(void)signal(SIGCHLD, SIG_IGN);
	cr_assert_eq(loop_new(&loop), 0);
	ctl_backtrace_init(&backtrace, loop, on_done);
}

static void end(void)
{
	ctl_backtrace_done(&backtrace);
	(void)loop_free(loop);
}

static __attribute__((noinline)) void note_here(struct crash_note *note)
{
	struct trace_regs regs;
	ucontext_t here;

	cr_assert_eq(getcontext(&here), 0);
	trace_regs_of(&here, &regs);
	crash_note_fill(&note->stall, NULL, &regs);
	atomic_store(&note->stall.state, CRASH_WHOLE);
	crash_note_map(note);
}

Test(ctl_backtrace, names_the_functions_of_a_note, .init = begin, .fini = end, .timeout = 60)
{
	struct crash_note *note = calloc(1, sizeof(*note));

	note_here(note);
	cr_assert_eq(ctl_backtrace_begin(&backtrace, (weir_str){ (char *)note, sizeof(*note) }), 0);
	free(note);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert_eq(buf_append(&backtrace.lines, "", 1), 0);
	cr_assert_eq(strncmp(backtrace.lines.data, "#0 ", 3), 0, "%s", backtrace.lines.data);
	cr_assert_not_null(strstr(backtrace.lines.data, "\n#1 "), "%s", backtrace.lines.data);
	cr_assert_not_null(strstr(backtrace.lines.data, "test_daemon_ctl_backtrace"), "%s",
			   backtrace.lines.data);
}

Test(ctl_backtrace, nonsense_has_no_frames, .init = begin, .fini = end, .timeout = 60)
{
	struct crash_note *note = calloc(1, sizeof(*note));

	memset(note, 0xff, sizeof(*note));
	cr_assert_eq(ctl_backtrace_begin(&backtrace, WEIR_STR("short")), -EBADMSG);
	cr_assert_eq(ctl_backtrace_begin(&backtrace, (weir_str){ (char *)note, sizeof(*note) }), 0);
	free(note);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
}

Test(ctl_backtrace, can_be_given_up, .init = begin, .fini = end)
{
	struct crash_note *note = calloc(1, sizeof(*note));

	note_here(note);
	cr_assert_eq(ctl_backtrace_begin(&backtrace, (weir_str){ (char *)note, sizeof(*note) }), 0);
	free(note);
	ctl_backtrace_done(&backtrace);
	loop_turn(loop, false);
	cr_assert_eq(n_done, 0);
}
