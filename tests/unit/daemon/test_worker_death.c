/* test_worker_death.c - the one line about a worker that has ended. */
#include "daemon/worker_death.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/worker_slot.h"

static char line[1024];

/* As waitpid() says: a signal's number, or an exit code in the second byte. */
static const char *said(const struct worker_slot *slot, int status, const char *why,
			const char *last)
{
	struct log log = { .level = LOG_AT_DEBUG };
	int ends[2];
	ssize_t n;

	cr_assert_eq(pipe(ends), 0);
	log.fd = ends[1];
	worker_death_say(&log, slot, 42, status, why, last);
	n = read(ends[0], line, sizeof(line) - 1);
	cr_assert_gt(n, 0);
	line[n] = '\0';
	(void)close(ends[0]);
	(void)close(ends[1]);
	return line;
}

static struct worker_slot dead(unsigned n_quick)
{
	struct worker_slot slot;

	worker_slot_init(&slot, 3);
	slot.state = WORKER_BACKING_OFF;
	slot.n_quick = n_quick;
	return slot;
}

Test(worker_death, an_orderly_end_is_no_error_and_nobodys_fault)
{
	struct worker_slot slot = dead(0);

	cr_assert(strstr(said(&slot, 0, "", "shop.buy"),
			 "worker 3 (pid 42) ended: exit code 0; starting another\n"));
	cr_assert(strstr(line, "notice"));
}

Test(worker_death, a_crash_names_the_last_request)
{
	struct worker_slot slot = dead(0);

	cr_assert(strstr(said(&slot, SIGSEGV, "", "shop.buy"),
			 "SIGSEGV); the last request was for shop.buy; starting another\n"));
	cr_assert(strstr(line, "error"));
}

Test(worker_death, the_workers_own_reason_beats_a_guess)
{
	struct worker_slot slot = dead(0);

	cr_assert(strstr(said(&slot, SIGKILL, "", ""), ", perhaps because memory ran out;"));
	cr_assert(strstr(said(&slot, SIGALRM, "", ""), ": it was stuck;"));
	cr_assert(strstr(said(&slot, SIGKILL, ": it held its loop up", ""),
			 "(SIGKILL): it held its loop up; starting"));
	slot.kill_ms = INT64_MAX; /* the master itself has sent it */
	cr_assert(!strstr(said(&slot, SIGKILL, "", ""), "perhaps"));
}

Test(worker_death, other_kinds_of_processes_have_a_signal_of_their_own)
{
	struct worker_slot slot = dead(0);

	cr_assert_str_eq(worker_death_cause(&slot, SIGXCPU, SIGXCPU, ": over"), ": over");
	cr_assert_str_eq(worker_death_cause(&slot, SIGALRM, SIGXCPU, ": over"), "");
	cr_assert_str_eq(worker_death_cause(&slot, SIGXCPU << 8, SIGXCPU, ": over"), "");
}

Test(worker_death, a_pause_is_said)
{
	struct worker_slot slot = dead(3);

	cr_assert(strstr(said(&slot, SIGSEGV, "", ""), "; starting another in "));
	cr_assert(strstr(line, " ms: it keeps dying\n"));
}
