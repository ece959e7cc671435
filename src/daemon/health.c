/*
 * health.c - see health.h. A worker that starts may compute, or block, for as
 * long as it likes: its modules' startup() does; and so may one that ends.
 */
#include "daemon/health.h"

#include "base/buf.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"
#include "io/proc.h"

int64_t health_stuck_ms(const struct health_view *view, unsigned slot, int64_t now_us)
{
	int64_t turn_ms;

	if (atomic_load(&view->board->rows[slot].state) != WORKER_READY)
		return 0;
	turn_ms = worker_lag_turn_us(worker_lags_at(view->lags, slot), now_us) / 1000;
	return turn_ms >= atomic_load(&view->board->stall_ms) ? turn_ms : 0;
}

bool health_is_stopped(const struct health_view *view, unsigned slot)
{
	const struct board_row *row = &view->board->rows[slot];

	return atomic_load(&row->state) == WORKER_READY && proc_is_stopped(atomic_load(&row->pid));
}

static bool check_stopped(const struct health_view *view, unsigned slot, struct buf *words)
{
	if (!health_is_stopped(view, slot))
		return true;
	buf_say(words, "worker %u (pid %d) is stopped, by a signal or a debugger\n", slot,
		(int)atomic_load(&view->board->rows[slot].pid));
	return false;
}

static bool check_stuck(const struct health_view *view, unsigned slot, int64_t now_us,
			struct buf *words)
{
	int64_t stuck_ms = health_stuck_ms(view, slot, now_us);

	if (stuck_ms == 0)
		return check_stopped(view, slot, words);
	buf_say(words, "worker %u (pid %d) is stuck: its loop has not turned for %lld ms\n", slot,
		(int)atomic_load(&view->board->rows[slot].pid), (long long)stuck_ms);
	return false;
}

static bool check_there(const struct health_view *view, unsigned slot, struct buf *words)
{
	if (atomic_load(&view->board->rows[slot].state) != WORKER_BACKING_OFF)
		return true;
	buf_say(words, "worker %u is missing: it has died, and is to be started again\n", slot);
	return false;
}

static void say_unready(const struct health_view *view, unsigned slot, struct buf *words)
{
	const struct board_row *row = &view->board->rows[slot];
	uint32_t state = atomic_load(&row->state);

	if (state != WORKER_READY && state != WORKER_EMPTY)
		buf_say(words, "worker %u (pid %d) is not ready: it is %s\n", slot,
			(int)atomic_load(&row->pid), worker_board_state_name(state));
}

/* Those of the generation in force; what becomes of others is nobody's concern. */
static bool check_ready(const struct health_view *view, struct buf *words)
{
	const struct worker_board *board = view->board;
	unsigned n_ready = 0, n_workers = atomic_load(&board->n_workers);

	for (unsigned i = 0; i < board->n; i++)
		n_ready += atomic_load(&board->rows[i].is_now) &&
			   atomic_load(&board->rows[i].state) == WORKER_READY;
	if (n_ready >= n_workers)
		return true;
	buf_say(words, "%u of %u workers are ready\n", n_ready, n_workers);
	for (unsigned i = 0; i < board->n; i++) {
		if (atomic_load(&board->rows[i].is_now))
			say_unready(view, i, words);
	}
	return false;
}

bool health_check(const struct health_view *view, enum health_question question, int64_t now_us,
		  struct buf *words)
{
	uint32_t phase = atomic_load(&view->board->phase);
	bool is_good = true;

	if (question == HEALTH_READY && phase != BOARD_RUNNING) {
		buf_say(words, "the daemon is %s\n", worker_board_phase_name(phase));
		is_good = false;
	}
	if (question == HEALTH_READY && phase < BOARD_STOPPING)
		is_good &= check_ready(view, words);
	for (unsigned i = 0; i < view->board->n; i++) {
		is_good &= check_stuck(view, i, now_us, words);
		if (question == HEALTH_ALIVE)
			is_good &= check_there(view, i, words);
	}
	return is_good;
}
