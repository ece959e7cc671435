#ifndef WEIR_DAEMON_CTL_WORKERS_H
#define WEIR_DAEMON_CTL_WORKERS_H
/*
 * ctl_workers.h - the ctl process's pipes to the workers, and what it has asked
 * over them. It waits for nobody: who has not answered in time is left out, and
 * what it says later is thrown away.
 */
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/list.h"
#include "base/macro.h"
#include "daemon/ctl_wire.h"
#include "io/timers.h"

struct ctl_ask;
struct log;
struct loop;

/* As many as there can be slots: see master_n_slots(), and the option "workers". */
#define CTL_WORKERS_MAX 4096

struct ctl_ask_ops {
	/* That slot's; what it says may be nonsense. */
	void (*answered)(struct ctl_ask *ask, unsigned slot, weir_str bytes);
	/* All have, or the time is over. */
	void (*done)(struct ctl_ask *ask);
};

/* A question; embedded in what it is for. */
struct ctl_ask {
	const struct ctl_ask_ops *ops; /* borrowed */
	struct list link;
	struct timer timer;
	uint32_t number;
	unsigned n_left;			/* who can still answer */
	uint64_t missing[CTL_WORKERS_MAX / 64]; /* bits of slots: have not answered */
	uint64_t hopeful[CTL_WORKERS_MAX / 64]; /* and still can */
	uint64_t unmet[CTL_WORKERS_MAX / 64];	/* and will be asked as soon as their pipe comes */
	enum ctl_word word;
	uint32_t value;
};

struct ctl_pipe;

struct ctl_workers {
	struct loop *loop;	/* borrowed */
	struct ctl_pipe *pipes; /* owned, n */
	unsigned n;
	struct list asks;
	uint32_t last_number;
};

/* n: slots at the most. -ENOMEM. */
MUST_USE int ctl_workers_init(struct ctl_workers *workers, struct loop *loop, unsigned n);
/* Nothing is asked any more. */
void ctl_workers_done(struct ctl_workers *workers);
/* The pipe to that slot's worker, which may be a new one. */
void ctl_workers_meet(struct ctl_workers *workers, unsigned slot, int take_fd);

/* Begins to ask; then any number of slots, which are below n; then they have so long. None of the ops is called before that. */
void ctl_workers_begin(struct ctl_workers *workers, struct ctl_ask *ask, enum ctl_word word,
		       uint32_t value);
void ctl_workers_ask(struct ctl_workers *workers, struct ctl_ask *ask, unsigned slot);
void ctl_workers_wait(struct ctl_workers *workers, struct ctl_ask *ask, int64_t patience_ms);
/* Nobody wants to know any more. One that is done, or was never asked and is all zeros, is fine. */
void ctl_workers_forget(struct ctl_workers *workers, struct ctl_ask *ask);
static inline bool ctl_workers_is_missing(const struct ctl_ask *ask, unsigned slot)
{
	return ask->missing[slot / 64] >> slot % 64 & 1;
}

#endif
