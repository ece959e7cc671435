#ifndef WEIR_DAEMON_WORKER_BOARD_H
#define WEIR_DAEMON_WORKER_BOARD_H
/*
 * worker_board.h - what the master knows of itself and of its workers, in memory
 * that all processes share: the master writes, anybody reads, and no number is
 * ever torn. For who must answer without asking: the ctl process.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"
#include "daemon/worker_slot.h"

enum board_phase {
	BOARD_STARTING, /* not all workers have been ready yet */
	BOARD_RUNNING,
	BOARD_LEAVING,	/* it is about to stop, and still serves whoever comes */
	BOARD_STOPPING, /* nobody is accepted any more */
};

/* A slot. */
struct board_row {
	_Atomic uint32_t state;	   /* enum worker_state */
	_Atomic int32_t pid;	   /* 0: no process */
	_Atomic int64_t since_ms;  /* when that one was started, on the monotonic clock */
	_Atomic uint32_t n_starts; /* processes that this slot has had */
	_Atomic uint32_t is_now;   /* of the generation that is in force; others only finish */
};

struct worker_board {
	_Atomic uint32_t phase;	    /* enum board_phase */
	_Atomic uint32_t n_workers; /* that there should be */
	_Atomic int64_t stall_ms;   /* a worker whose loop turns longer is stuck */
	_Atomic int32_t master;
	_Atomic int64_t began_ms; /* of the daemon, on the monotonic clock */
	uint32_t n;		  /* of rows; most slots are empty */
	struct board_row rows[];
};

/* Before anybody is forked. -ENOMEM. */
MUST_USE int worker_board_new(unsigned n, int64_t now_ms, struct worker_board **ret_board);
/* NULL is fine. */
struct worker_board *worker_board_free(struct worker_board *board);

/* In a child that shows it: a store gone wild crashes, and spoils nothing that others go by. */
void worker_board_only_read(struct worker_board *board);

/* How it should be. */
struct board_want {
	unsigned generation; /* in force */
	unsigned n_workers;
	int64_t stall_ms;
};

/* In the master. */
void worker_board_write(struct worker_board *board, enum board_phase phase,
			const struct board_want *want, const struct worker_slot *slots, unsigned n);

/* "ready", "backing off". */
const char *worker_board_state_name(uint32_t state);
const char *worker_board_phase_name(uint32_t phase);

#endif
