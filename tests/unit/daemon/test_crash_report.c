#include "daemon/crash_report.h"

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "crash_child.h"

static struct crash_note *note;
static char text[32768];

/* What is written about the note. */
static void report(enum crash_report_what what)
{
	struct log log = { .level = LOG_AT_DEBUG, .who = "worker 3" };
	int ends[2];
	ssize_t n;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 65536), 0);
	log.fd = ends[1];
	crash_report_write(&log, note, what);
	(void)close(ends[1]);
	n = read(ends[0], text, sizeof(text) - 1);
	cr_assert_geq(n, 0);
	text[n] = '\0';
	(void)close(ends[0]);
}

static __attribute__((noinline)) void break_it(void)
{
	volatile uintptr_t nowhere = 16;

	*(volatile int *)nowhere = 1;
}

static __attribute__((noinline)) void call_it(struct crash_note *n)
{
	break_it();
	__asm__ volatile("");
}

static __attribute__((noinline)) void abort_it(struct crash_note *n)
{
	abort();
}

static void work_it(struct crash_note *n)
{
	crash_note_doing(n, "shop.hash", WEIR_STR(""));
	break_it();
}

static void begin(void)
{
	cr_assert_eq(crash_note_new(&note), 0);
}

Test(crash_report, has_nothing_to_say_of_who_has_not_crashed)
{
	begin();
	cr_assert_not(crash_report_is_due(note, CRASH_REPORT_CRASH));
	cr_assert_not(crash_report_is_due(note, CRASH_REPORT_STALL));
	cr_assert_not(crash_report_is_due(NULL, CRASH_REPORT_CRASH));
	atomic_store(&note->crash.state, CRASH_BEGUN);
	cr_assert_not(crash_report_is_due(note, CRASH_REPORT_CRASH));
	note = crash_note_free(note);
}

Test(crash_report, says_what_happened_and_in_which_functions)
{
	begin();
	cr_assert_eq(crash_signal(note, call_it), SIGSEGV);
	cr_assert(crash_report_is_due(note, CRASH_REPORT_CRASH));
	report(CRASH_REPORT_CRASH);
	cr_assert_eq(strncmp(text, "error worker 3: SIGSEGV at address 0x10 in no task\n", 51), 0,
		     "%s", text);
#if defined(__x86_64__) || defined(__aarch64__)
	cr_assert_not_null(strstr(text, "error worker 3: #0 break_it at "), "%s", text);
	cr_assert_not_null(strstr(text, "test_crash_report.c:"), "%s", text);
	cr_assert_not_null(strstr(text, "error worker 3: #1 call_it at "), "%s", text);
#endif
	note = crash_note_free(note);
}

Test(crash_report, says_what_a_process_without_tasks_did)
{
	begin();
	cr_assert_eq(crash_signal(note, work_it), SIGSEGV);
	report(CRASH_REPORT_CRASH);
	cr_assert_not_null(strstr(text, " in shop.hash\n"), "%s", text);
	note = crash_note_free(note);
}

#if defined(__x86_64__) || defined(__aarch64__)
/* abort() and what it calls have no frames. */
Test(crash_report, sees_through_the_c_library)
{
	begin();
	cr_assert_eq(crash_signal(note, abort_it), SIGABRT);
	report(CRASH_REPORT_CRASH);
	cr_assert_not_null(strstr(text, " abort_it at "), "%s", text);
	note = crash_note_free(note);
}

Test(crash_report, goes_by_frame_pointers_where_there_are_no_tables)
{
	begin();
	cr_assert_eq(crash_signal(note, call_it), SIGSEGV);
	note->mapped_at = 1; /* as if all files had changed */
	report(CRASH_REPORT_CRASH);
	cr_assert_not_null(strstr(text, "#0 (test_daemon_crash_report+0x"), "%s", text);
	cr_assert_not_null(strstr(text, "#2 ("), "%s", text);
	note = crash_note_free(note);
}

/* Of a thread that sleeps only these two are known. */
Test(crash_report, finds_frames_without_a_frame_pointer)
{
	begin();
	cr_assert_eq(crash_signal(note, abort_it), SIGABRT);
	note->crash.regs.n = 0;
	note->crash.n_frames = 0;
	report(CRASH_REPORT_CRASH);
	cr_assert_not_null(strstr(text, " abort_it at "), "%s", text);
	cr_assert_not_null(strstr(text, " crash_report_finds_frames"), "%s", text);
	note = crash_note_free(note);
}
#endif

Test(crash_report, of_a_stall_has_only_functions)
{
	begin();
	cr_assert_eq(crash_signal(note, call_it), SIGSEGV);
	memcpy(&note->stall, &note->crash, sizeof(note->stall));
	report(CRASH_REPORT_STALL);
	cr_assert_null(strstr(text, "SIGSEGV"), "%s", text);
	cr_assert_eq(strncmp(text, "warn worker 3: #0 ", 18), 0, "%s", text);
	note = crash_note_free(note);
}

Test(crash_report, believes_no_number)
{
	begin();
	memset(&note->crash, 0xff, sizeof(note->crash));
	note->maps_len = UINT32_MAX;
	memset(note->maps, 'x', sizeof(note->maps));
	report(CRASH_REPORT_CRASH);
	cr_assert_not_null(strstr(text, "SIG?"), "%s", text);

	memset(&note->crash, 0x7f, sizeof(note->crash));
	note->crash.stack_at = UINTPTR_MAX - 7;
	note->crash.stack_len = CRASH_STACK;
	note->crash.regs.n = 0;
	report(CRASH_REPORT_CRASH);
	note = crash_note_free(note);
}
