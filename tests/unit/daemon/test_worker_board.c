#include "daemon/worker_board.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

Test(worker_board, is_what_another_process_has_written)
{
	struct worker_slot slots[2];
	const struct board_want want = { .generation = 3, .n_workers = 1, .stall_ms = 500 };
	struct worker_board *board;
	int status;

	cr_assert_eq(worker_board_new(2, 7, &board), 0);
	if (fork() == 0) {
		worker_slot_init(&slots[0], 0);
		worker_slot_init(&slots[1], 1);
		worker_slot_forked(&slots[1], 123, -1, 1000);
		slots[1].generation = 3;
		worker_board_write(board, BOARD_RUNNING, &want, slots, 2);
		worker_board_write(board, BOARD_RUNNING, &want, slots, 2);
		_exit(0);
	}
	cr_assert_gt(wait(&status), 0);
	cr_expect_eq(atomic_load(&board->phase), BOARD_RUNNING);
	cr_expect_eq(atomic_load(&board->n_workers), 1);
	cr_expect_eq(atomic_load(&board->stall_ms), 500);
	cr_expect_not(atomic_load(&board->rows[0].is_now));
	cr_expect(atomic_load(&board->rows[1].is_now));
	cr_expect_eq(atomic_load(&board->began_ms), 7);
	cr_expect_eq(atomic_load(&board->master), getpid());
	cr_expect_eq(atomic_load(&board->rows[0].state), WORKER_EMPTY);
	cr_expect_eq(atomic_load(&board->rows[0].n_starts), 0);
	cr_expect_eq(atomic_load(&board->rows[1].state), WORKER_STARTING);
	cr_expect_eq(atomic_load(&board->rows[1].pid), 123);
	cr_expect_eq(atomic_load(&board->rows[1].since_ms), 1000);
	cr_expect_eq(atomic_load(&board->rows[1].n_starts), 1);
	cr_assert_null(worker_board_free(board));
	cr_assert_null(worker_board_free(NULL));
}

Test(worker_board, has_room_for_as_many_as_it_was_made_for)
{
	struct worker_slot slots[2];
	struct worker_board *board;

	worker_slot_init(&slots[0], 0);
	worker_slot_init(&slots[1], 1);
	cr_assert_eq(worker_board_new(1, 0, &board), 0);
	worker_board_write(board, BOARD_STARTING, &(struct board_want){ .generation = 1 }, slots,
			   2);
	cr_expect_eq(board->n, 1);
	(void)worker_board_free(board);
}

Test(worker_board, is_not_for_those_to_write_who_show_it)
{
	struct worker_board *board;
	int status;
	pid_t pid;

	cr_assert_eq(worker_board_new(1, 7, &board), 0);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		worker_board_only_read(board);
		if (atomic_load(&board->began_ms) != 7)
			_exit(1);
		atomic_store(&board->began_ms, 8);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	cr_expect_eq(atomic_load(&board->began_ms), 7);
	(void)worker_board_free(board);
}

Test(worker_board, has_a_name_for_whatever_it_holds)
{
	cr_expect_str_eq(worker_board_state_name(WORKER_BACKING_OFF), "missing");
	cr_expect_str_eq(worker_board_state_name(99), "?");
	cr_expect_str_eq(worker_board_phase_name(BOARD_LEAVING), "leaving");
	cr_expect_str_eq(worker_board_phase_name(99), "?");
}
