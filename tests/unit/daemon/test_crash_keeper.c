#include "daemon/crash_keeper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "daemon/crash_note.h"

static const struct log silent = { .fd = -1 };
static struct crash_keeper keeper;

Test(crash_keeper, gives_each_process_a_note_of_its_own)
{
	struct crash_note *first;

	cr_assert_eq(crash_keeper_init(&keeper, &silent, 2), 0);
	first = crash_keeper_renew(&keeper, 1);
	cr_assert_not_null(first);
	cr_assert_eq(keeper.notes[1], first);
	cr_assert_null(keeper.notes[0]);
	crash_note_doing(first, "something", WEIR_STR(""));
	cr_assert_str_empty(crash_keeper_renew(&keeper, 1)->doing);
	crash_keeper_done(&keeper);
	crash_keeper_done(&keeper);
}

static pid_t fork_reporter(void)
{
	pid_t pid = crash_keeper_fork(&keeper);

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	return pid;
}

static void reap(void)
{
	int status;
	pid_t pid = wait(&status);

	cr_assert_gt(pid, 0);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cr_assert(crash_keeper_reaped(&keeper, pid));
	cr_assert_not(crash_keeper_reaped(&keeper, pid));
}

Test(crash_keeper, knows_its_reporters_until_they_have_ended)
{
	cr_assert_eq(crash_keeper_init(&keeper, &silent, 1), 0);
	cr_assert_not(crash_keeper_is_busy(&keeper));
	cr_assert_gt(fork_reporter(), 0);
	cr_assert(crash_keeper_is_busy(&keeper));
	cr_assert_not(crash_keeper_reaped(&keeper, getpid()));
	crash_keeper_kill(&keeper);
	reap();
	cr_assert_not(crash_keeper_is_busy(&keeper));
	crash_keeper_done(&keeper);
}

Test(crash_keeper, makes_only_so_many_reports_at_once)
{
	cr_assert_eq(crash_keeper_init(&keeper, &silent, 1), 0);
	for (unsigned i = 0; i < CRASH_KEEPER_REPORTS; i++)
		cr_assert_gt(fork_reporter(), 0);
	cr_assert_eq(fork_reporter(), -EAGAIN);
	crash_keeper_kill(&keeper);
	for (unsigned i = 0; i < CRASH_KEEPER_REPORTS; i++)
		reap();
	cr_assert_not(crash_keeper_is_busy(&keeper));
	crash_keeper_done(&keeper);
}
