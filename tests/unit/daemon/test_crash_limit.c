#include "daemon/crash_limit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/crash_note.h"
#include "daemon/worker_slot.h"

#define WINDOW_MS 60000

static struct crash_limit limit;
static struct crash_note *note;
static struct log log_to;
static int log_ends[2];

static void begin(void)
{
	cr_assert_eq(pipe(log_ends), 0);
	log_init(&log_to, log_ends[1], LOG_AT_DEBUG);
	crash_limit_init(&limit, &log_to, 3, WINDOW_MS);
	cr_assert_eq(crash_note_new(&note), 0);
}

static void end(void)
{
	crash_limit_done(&limit);
	note = crash_note_free(note);
	(void)close(log_ends[0]);
	(void)close(log_ends[1]);
}

TestSuite(crash_limit, .init = begin, .fini = end);

/* What the log has been told; "" for nothing. */
static const char *said(void)
{
	static char text[4096];
	ssize_t n;

	(void)close(log_ends[1]);
	n = read(log_ends[0], text, sizeof(text) - 1);
	cr_assert_geq(n, 0);
	text[n] = '\0';
	return text;
}

static void note_crash(const char *handler, const char *path, uint32_t index)
{
	struct culprit *culprit = &note->crash.culprit;

	atomic_store(&note->crash.state, CRASH_WHOLE);
	culprit->is_task = culprit->has_route = true;
	culprit->route_index = index;
	(void)snprintf(culprit->route, sizeof(culprit->route), "%s", handler);
	(void)snprintf(culprit->path, sizeof(culprit->path), "%s", path);
}

Test(crash_limit, closes_a_route_when_it_has_crashed_too_often)
{
	cr_expect_not(crash_limit_count(&limit, 7, 1000));
	cr_expect_not(crash_limit_count(&limit, 7, 2000));
	cr_expect(crash_limit_count(&limit, 7, 3000));
	cr_expect_eq(limit.n_closed, 1);
	cr_expect_eq(limit.closed[0], 7);
}

Test(crash_limit, forgets_what_was_before_the_window)
{
	cr_expect_not(crash_limit_count(&limit, 7, 1000));
	cr_expect_not(crash_limit_count(&limit, 7, 2000));
	cr_expect_not(crash_limit_count(&limit, 7, 1000 + WINDOW_MS));
	cr_expect(crash_limit_count(&limit, 7, 1999 + WINDOW_MS));
}

Test(crash_limit, counts_each_route_by_itself)
{
	cr_expect_not(crash_limit_count(&limit, 1, 1000));
	cr_expect_not(crash_limit_count(&limit, 2, 1000));
	cr_expect_not(crash_limit_count(&limit, 1, 1000));
	cr_expect_not(crash_limit_count(&limit, 2, 1000));
	cr_expect(crash_limit_count(&limit, 2, 1000));
	cr_expect(crash_limit_count(&limit, 1, 1000));
	cr_expect_eq(limit.n_closed, 2);
}

Test(crash_limit, does_not_close_what_is_closed)
{
	for (int i = 0; i < 3; i++)
		(void)crash_limit_count(&limit, 7, 1000);
	for (int i = 0; i < 10; i++)
		cr_expect_not(crash_limit_count(&limit, 7, 1000)); /* sessions that it still has */
	cr_expect_eq(limit.n_closed, 1);
}

Test(crash_limit, of_nothing_closes_nothing)
{
	limit.limit = 0;
	for (int i = 0; i < 100; i++)
		cr_expect_not(crash_limit_count(&limit, 7, 1000));
}

Test(crash_limit, goes_on_when_there_were_more_than_it_remembers)
{
	for (uint32_t i = 0; i < 3 * CRASH_LIMIT_EVENTS; i++)
		cr_expect_not(crash_limit_count(&limit, 1000 + i, 1000));
	(void)crash_limit_count(&limit, 7, 1000);
	(void)crash_limit_count(&limit, 7, 1000);
	cr_expect(crash_limit_count(&limit, 7, 1000));
}

Test(crash_limit, finds_the_route_in_a_dead_workers_note_and_says_once_what_helps)
{
	const char *words;

	note_crash("shop.buy", "/buy/{what}", 4);
	for (int i = 0; i < 5; i++)
		crash_limit_died(&limit, note, 1000);
	words = said();
	cr_expect_eq(limit.n_closed, 1);
	cr_expect_eq(limit.closed[0], 4);
	cr_expect(strstr(words, "the route /buy/{what} (shop.buy) has crashed 3 times within 60 s"),
		  "%s", words);
	cr_expect(strstr(words, "a reload (SIGHUP)"), "%s", words);
	cr_expect_eq(strchr(words, '\n'), strrchr(words, '\n'), "%s", words);
}

Test(crash_limit, counts_a_worker_that_was_ended_because_it_was_stuck)
{
	note_crash("shop.buy", "/buy", 4);
	note->stall.culprit = note->crash.culprit;
	atomic_store(&note->stall.state, CRASH_WHOLE);
	atomic_store(&note->crash.state, CRASH_NONE);
	for (int i = 0; i < 3; i++)
		crash_limit_died(&limit, note, 1000); /* it went on, and ended for another reason */
	cr_expect_eq(limit.n_closed, 0);
	strcpy(note->reason, "it has held its loop for longer than stall_abort");
	for (int i = 0; i < 3; i++)
		crash_limit_died(&limit, note, 1000);
	cr_expect_eq(limit.n_closed, 1);
}

Test(crash_limit, blames_no_route_for_what_has_none)
{
	for (int i = 0; i < 5; i++)
		crash_limit_died(&limit, NULL, 1000); /* there was no memory for a note */
	for (int i = 0; i < 5; i++)
		crash_limit_died(&limit, note, 1000); /* nothing was written */
	note_crash("shop.startup", "", 0);
	note->crash.culprit.has_route = false; /* a background task */
	for (int i = 0; i < 5; i++)
		crash_limit_died(&limit, note, 1000);
	note->crash.culprit.has_route = true;
	atomic_store(&note->crash.state, CRASH_BEGUN); /* given up half-way */
	for (int i = 0; i < 5; i++)
		crash_limit_died(&limit, note, 1000);
	cr_expect_eq(limit.n_closed, 0);
}

Test(crash_limit, believes_no_note)
{
	memset(&note->crash.culprit, 'x', sizeof(note->crash.culprit));
	atomic_store(&note->crash.state, CRASH_WHOLE);
	for (int i = 0; i < 3; i++)
		crash_limit_died(&limit, note, 1000);
	cr_expect_lt(strlen(said()), 600);
}

Test(crash_limit, tells_each_worker_once_and_who_could_not_take_it_later)
{
	struct worker_slot slots[2];
	struct ipc_message message;
	int ends[2];

	worker_slot_init(&slots[0], 0);
	worker_slot_init(&slots[1], 1);
	cr_assert_eq(ipc_pair(ends), 0);
	worker_slot_forked(&slots[0], 1000, ends[0], 0);
	for (int i = 0; i < 6; i++)
		(void)crash_limit_count(&limit, i % 2 ? 5 : 9, 1000);
	slots[0].generation = 3;
	crash_limit_tell(&limit, slots, 2, 2);
	cr_expect_eq(slots[0].n_closed, 0, "it has routes of its own");
	crash_limit_tell(&limit, slots, 2, 3);
	crash_limit_tell(&limit, slots, 2, 3);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(control_receive(ends[1], &message), 1);
		cr_expect_eq(message.type, CONTROL_CLOSE);
		cr_expect_eq(message.number, i ? 5 : 9);
	}
	cr_expect_eq(control_receive(ends[1], &message), -EAGAIN);
	cr_expect_eq(slots[0].n_closed, 2);
	cr_expect_eq(slots[1].n_closed, 0, "it has no process");
	(void)close(ends[0]);
	(void)close(ends[1]);
}
