/* worker_board.c - see worker_board.h. */
#include "daemon/worker_board.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/shared.h"

static size_t size_of(unsigned n)
{
	return sizeof(struct worker_board) + n * sizeof(struct board_row);
}

int worker_board_new(unsigned n, int64_t now_ms, struct worker_board **ret_board)
{
	struct worker_board *board = shared_new(size_of(n));

	if (!board)
		return -ENOMEM;
	board->n = n;
	atomic_store(&board->master, getpid());
	atomic_store(&board->began_ms, now_ms);
	*ret_board = board;
	return 0;
}

struct worker_board *worker_board_free(struct worker_board *board)
{
	return board ? shared_free(board, size_of(board->n)) : NULL;
}

void worker_board_only_read(struct worker_board *board)
{
	(void)mprotect(board, size_of(board->n), PROT_READ);
}

void worker_board_write(struct worker_board *board, enum board_phase phase,
			const struct board_want *want, const struct worker_slot *slots, unsigned n)
{
	if (n > board->n)
		n = board->n;
	for (unsigned i = 0; i < n; i++) {
		struct board_row *row = &board->rows[i];

		if (slots[i].pid != 0 && atomic_load(&row->pid) != slots[i].pid)
			atomic_fetch_add(&row->n_starts, 1);
		atomic_store(&row->pid, slots[i].pid);
		atomic_store(&row->since_ms, slots[i].started_ms);
		atomic_store(&row->is_now, slots[i].generation == want->generation);
		atomic_store(&row->state, slots[i].state);
	}
	atomic_store(&board->n_workers, want->n_workers);
	atomic_store(&board->stall_ms, want->stall_ms);
	atomic_store(&board->phase, phase);
}

const char *worker_board_state_name(uint32_t state)
{
	static const char *const names[] = {
		[WORKER_EMPTY] = "none",	[WORKER_STARTING] = "starting",
		[WORKER_READY] = "ready",	[WORKER_LEAVING] = "leaving",
		[WORKER_DRAINING] = "draining", [WORKER_BACKING_OFF] = "missing",
	};

	return state < ARRAY_LEN(names) ? names[state] : "?";
}

const char *worker_board_phase_name(uint32_t phase)
{
	static const char *const names[] = {
		[BOARD_STARTING] = "starting",
		[BOARD_RUNNING] = "running",
		[BOARD_LEAVING] = "leaving",
		[BOARD_STOPPING] = "stopping",
	};

	return phase < ARRAY_LEN(names) ? names[phase] : "?";
}
