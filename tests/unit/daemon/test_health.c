#include "daemon/health.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"

#define BEGAN_US 1000000

static struct worker_board *board;
static struct worker_lags lags;
static struct worker_slot slots[3];
static const struct board_want want = { .generation = 7, .n_workers = 2, .stall_ms = 500 };
static struct health_view view;
static struct buf words;

/* Two workers that serve, and have nothing to do; and an empty slot. */
static void begin(void)
{
	cr_assert_eq(worker_board_new(3, 0, &board), 0);
	cr_assert_eq(worker_lags_init(&lags, 3), 0);
	for (unsigned i = 0; i < 2; i++) {
		worker_slot_init(&slots[i], i);
		slots[i].generation = 7;
		worker_slot_forked(&slots[i], (pid_t)(100 + i), -1, 0);
		worker_slot_move(&slots[i], WORKER_READY);
		beat_init(&worker_lags_at(&lags, i)->beat, NULL);
	}
	worker_slot_init(&slots[2], 2);
	worker_board_write(board, BOARD_RUNNING, &want, slots, 3);
	view = (struct health_view){ .board = board, .lags = &lags };
	buf_init(&words, 0);
}

static void end(void)
{
	buf_done(&words);
	worker_lags_done(&lags);
	(void)worker_board_free(board);
}

static void expect(enum health_question question, int64_t now_us, const char *expected)
{
	bool is_good;

	buf_clear(&words);
	is_good = health_check(&view, question, now_us, &words);
	cr_assert_eq(is_good, expected[0] == '\0', "%s", expected);
	cr_assert_eq(buf_append(&words, "", 1), 0);
	cr_assert_str_eq(words.data, expected);
}

Test(health, is_good_when_all_serve_or_sleep, .init = begin, .fini = end)
{
	expect(HEALTH_ALIVE, BEGAN_US, "");
	expect(HEALTH_READY, BEGAN_US, "");
}

Test(health, names_who_is_stuck_and_for_how_long, .init = begin, .fini = end)
{
	static const char stuck[] =
		"worker 1 (pid 101) is stuck: its loop has not turned for 500 ms\n";

	beat_begin(&worker_lags_at(&lags, 1)->beat, BEGAN_US);
	expect(HEALTH_ALIVE, BEGAN_US + 499999, "");
	expect(HEALTH_ALIVE, BEGAN_US + 500000, stuck);
	expect(HEALTH_READY, BEGAN_US + 500000, stuck);
	cr_assert_eq(health_stuck_ms(&view, 1, BEGAN_US + 600000), 600);
	beat_end(&worker_lags_at(&lags, 1)->beat, BEGAN_US + 700000);
	expect(HEALTH_ALIVE, BEGAN_US + 900000, "");
	cr_assert_eq(health_stuck_ms(&view, 1, BEGAN_US + 900000), 0);
}

Test(health, lets_a_worker_start_for_as_long_as_it_takes, .init = begin, .fini = end)
{
	slots[0].state = WORKER_STARTING;
	beat_begin(&worker_lags_at(&lags, 0)->beat, BEGAN_US);
	worker_board_write(board, BOARD_STARTING, &want, slots, 3);
	expect(HEALTH_ALIVE, BEGAN_US + 9000000, "");
	expect(HEALTH_READY, BEGAN_US + 9000000,
	       "the daemon is starting\n1 of 2 workers are ready\n"
	       "worker 0 (pid 100) is not ready: it is starting\n");
}

Test(health, misses_a_worker_that_has_died, .init = begin, .fini = end)
{
	worker_slot_died(&slots[0], 5);
	worker_board_write(board, BOARD_RUNNING, &want, slots, 3);
	expect(HEALTH_ALIVE, BEGAN_US,
	       "worker 0 is missing: it has died, and is to be started again\n");
	expect(HEALTH_READY, BEGAN_US,
	       "1 of 2 workers are ready\nworker 0 (pid 0) is not ready: it is missing\n");
}

Test(health, stops_being_ready_before_it_stops, .init = begin, .fini = end)
{
	worker_board_write(board, BOARD_LEAVING, &want, slots, 3);
	expect(HEALTH_ALIVE, BEGAN_US, "");
	expect(HEALTH_READY, BEGAN_US, "the daemon is leaving\n");
	slots[0].state = WORKER_EMPTY;
	slots[1].state = WORKER_DRAINING;
	worker_board_write(board, BOARD_STOPPING, &want, slots, 3);
	expect(HEALTH_ALIVE, BEGAN_US, "");
	expect(HEALTH_READY, BEGAN_US, "the daemon is stopping\n");
}

Test(health, does_not_mind_a_reload, .init = begin, .fini = end)
{
	/* The next generation starts; an old worker of ours takes its time to end. */
	slots[2].generation = 8;
	worker_slot_forked(&slots[2], 102, -1, 0);
	beat_begin(&worker_lags_at(&lags, 2)->beat, BEGAN_US);
	worker_board_write(board, BOARD_RUNNING, &want, slots, 3);
	expect(HEALTH_ALIVE, BEGAN_US + 9000000, "");
	expect(HEALTH_READY, BEGAN_US + 9000000, "");
	slots[2].generation = 6;
	slots[2].state = WORKER_DRAINING;
	worker_board_write(board, BOARD_RUNNING, &want, slots, 3);
	expect(HEALTH_ALIVE, BEGAN_US + 9000000, "");
	expect(HEALTH_READY, BEGAN_US + 9000000, "");
}
