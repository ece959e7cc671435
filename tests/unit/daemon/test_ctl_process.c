/* test_ctl_process.c - real ctl processes, each a child of the test, which plays the master. */
#include "daemon/ctl_process.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "daemon/control.h"
#include "daemon/ctl_doors.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"

#define PATIENCE_MS 20000

static pid_t pid;
static int control;

static _Noreturn void be_ctl(int control_fd)
{
	struct ctl_doors doors = { 0 };
	struct conf conf = { 0 };
	struct ctl_setup setup = { .conf = &conf, .access_log_fd = -1 };
	struct worker_lags lags;
	struct worker_board *board;
	struct log log;
	struct ctl_args args = {
		.control_fd = control_fd, .doors = &doors, .log = &log, .arg = &setup
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_init(&log, STDERR_FILENO, LOG_AT_INFO);
	if (worker_board_new(1, 0, &board) < 0 || worker_lags_init(&lags, 1) < 0)
		_exit(99);
	args.board = board;
	args.lags = &lags;
	_exit(ctl_process_main(&args));
}

static void begin(void)
{
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		(void)close(ends[0]);
		be_ctl(ends[1]);
	}
	(void)close(ends[1]);
	control = ends[0];
}

static int exit_code(void)
{
	int status = 0;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "status %d", status);
	return WEXITSTATUS(status);
}

Test(ctl_process, ends_when_it_is_told_to, .init = begin)
{
	cr_assert_eq(control_send_drain(control), 0);
	cr_assert_eq(exit_code(), EXIT_CODE_OK);
}

Test(ctl_process, without_a_master_it_ends, .init = begin)
{
	(void)close(control);
	cr_assert_eq(exit_code(), EXIT_CODE_OK);
}
