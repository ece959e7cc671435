#ifndef WEIR_DAEMON_WORKER_SLOT_H
#define WEIR_DAEMON_WORKER_SLOT_H
/*
 * worker_slot.h - one of the places a worker runs in, as the master sees it:
 * plain state, no system calls, the time comes in from outside.
 *
 *	             fork            READY            drain
 *	EMPTY ──────────► STARTING ─────────► READY ─────────► DRAINING ──► EMPTY
 *	                   ▲    │               │    (or from       died
 *	              fork │    │ died          │ died  STARTING)
 *	                   │    ▼               │
 *	                BACKING_OFF ◄───────────┘
 *	                           (or after it was LEAVING by itself)
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum worker_state {
	WORKER_EMPTY,	    /* no process, and none is due */
	WORKER_STARTING,    /* a process that does not serve yet */
	WORKER_READY,	    /* a process that serves */
	WORKER_LEAVING,	    /* a process that stops by itself: it does not accept any more */
	WORKER_DRAINING,    /* a process that was told to end */
	WORKER_BACKING_OFF, /* no process; one is due at retry_ms, perhaps already */
};

/* A worker that lived shorter than this may be in a crash loop. */
#define WORKER_SLOT_QUICK_MS 10000

struct worker_slot {
	unsigned index;
	unsigned generation;   /* of its worker; see master_state.h */
	unsigned lane;	       /* where its worker accepts: see listeners.h */
	unsigned certificates; /* generation of what it has: see tls_keeper.h */
	size_t n_closed;       /* routes that it knows to be closed: see crash_limit.h */
	enum worker_state state;
	pid_t pid;	/* 0 without a process */
	int control_fd; /* owned; -1 when closed */
	int64_t started_ms;
	int64_t retry_ms;
	int64_t kill_ms; /* of one LEAVING or DRAINING: when patience ends; INT64_MAX: never, or it was killed */
	unsigned n_quick; /* deaths in a row that came too soon */
	bool is_leaving;  /* DRAINING: it has said that it does not accept any more */
	bool is_new;	  /* none of its workers has been ready */
	pid_t hub;	  /* the hub that its process has been introduced to; 0: none */
	pid_t ctl;	  /* the same of the ctl process */
};

void worker_slot_init(struct worker_slot *slot, unsigned index);
bool worker_slot_has_process(const struct worker_slot *slot);
/* Its process is to end, by kill_ms at the latest. */
static inline bool worker_slot_is_ending(const struct worker_slot *slot)
{
	return slot->state == WORKER_LEAVING || slot->state == WORKER_DRAINING;
}

/* The one way from state to state; a step that is not in the picture is our mistake. */
void worker_slot_move(struct worker_slot *slot, enum worker_state to);

/* EMPTY or BACKING_OFF to STARTING. The descriptor is taken. */
void worker_slot_forked(struct worker_slot *slot, pid_t pid, int take_control_fd, int64_t now_ms);
/* Its process has ended, or could not be forked: to EMPTY if it was asked to, else to BACKING_OFF, with retry_ms set. */
void worker_slot_died(struct worker_slot *slot, int64_t now_ms);

/* The pause after so many quick deaths in a row: none after the first, then 100 ms, doubled up to 30 s. */
int64_t worker_slot_pause_ms(unsigned n_quick);

#endif
