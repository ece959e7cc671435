#ifndef WEIR_TESTS_CTL_WORLD_H
#define WEIR_TESTS_CTL_WORLD_H
/* ctl_world.h - what the ctl process's commands need: a board with two workers, whose pipes the test answers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "daemon/control.h"
#include "daemon/ctl_commands.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"
#include "io/loop.h"

#define CTL_WORLD_SLOTS 4

struct ctl_test {
	struct loop *loop;
	struct log log;
	struct worker_board *board;
	struct worker_lags lags;
	struct worker_slot slots[CTL_WORLD_SLOTS];
	struct ctl_workers workers;
	struct ctl_world world;
	struct conf conf;
	int worker_fds[2]; /* of slots 0 and 1 */
	int master_fd;
};

static inline void ctl_test_begin(struct ctl_test *t)
{
	const struct board_want want = { .generation = 1, .n_workers = 2, .stall_ms = 500 };
	int ends[2];

	memset(t, 0, sizeof(*t));
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	log_init(&t->log, 2, LOG_AT_ERROR);
	t->conf.file = "weir.yaml";
	cr_assert_eq(loop_new(&t->loop), 0);
	cr_assert_eq(worker_board_new(CTL_WORLD_SLOTS, 0, &t->board), 0);
	cr_assert_eq(worker_lags_init(&t->lags, CTL_WORLD_SLOTS), 0);
	cr_assert_eq(ctl_workers_init(&t->workers, t->loop, CTL_WORLD_SLOTS), 0);
	for (unsigned i = 0; i < CTL_WORLD_SLOTS; i++)
		worker_slot_init(&t->slots[i], i);
	for (unsigned i = 0; i < 2; i++) {
		t->slots[i].generation = 1;
		worker_slot_forked(&t->slots[i], (pid_t)(100 + i), -1, 0);
		worker_slot_move(&t->slots[i], WORKER_READY);
		cr_assert_eq(ipc_pair(ends), 0);
		ctl_workers_meet(&t->workers, i, ends[0]);
		t->worker_fds[i] = ends[1];
	}
	worker_board_write(t->board, BOARD_RUNNING, &want, t->slots, CTL_WORLD_SLOTS);
	cr_assert_eq(ipc_pair(ends), 0);
	t->master_fd = ends[1];
	t->world = (struct ctl_world){ .loop = t->loop,
				       .log = &t->log,
				       .view = { .board = t->board, .lags = &t->lags },
				       .workers = &t->workers,
				       .conf = &t->conf,
				       .control_fd = ends[0] };
}

static inline void ctl_test_end(struct ctl_test *t)
{
	ctl_workers_done(&t->workers);
	(void)loop_free(t->loop);
	worker_lags_done(&t->lags);
	(void)worker_board_free(t->board);
	(void)close(t->world.control_fd);
	(void)close(t->master_fd);
	(void)close(t->worker_fds[0]);
	(void)close(t->worker_fds[1]);
}

/* A worker hears a question, and says this. */
static inline void ctl_test_answer(const struct ctl_test *t, unsigned slot, enum ctl_word word,
				   const char *bytes)
{
	struct pollfd polled = { .fd = t->worker_fds[slot], .events = POLLIN };
	struct ipc_message message;

	cr_assert_eq(poll(&polled, 1, 10000), 1);
	cr_assert_eq(ctl_wire_receive(t->worker_fds[slot], &message), 1);
	cr_assert_eq(message.type, word);
	cr_assert_eq(ctl_wire_answer(t->worker_fds[slot], message.number, weir_strz(bytes)), 0);
}

#endif
