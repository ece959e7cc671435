#ifndef WEIR_DAEMON_MASTER_STATE_H
#define WEIR_DAEMON_MASTER_STATE_H
/* master_state.h - what the master knows, for the files that it consists of: master*.c. */
#include <stdbool.h>
#include <stdint.h>

#include "daemon/adoption.h"
#include "daemon/crash_keeper.h"
#include "daemon/ctl_keeper.h"
#include "daemon/generation.h"
#include "daemon/hub_keeper.h"
#include "daemon/job_keeper.h"
#include "daemon/master.h"
#include "daemon/service_keeper.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_notes.h"
#include "daemon/worker_slot.h"

struct pollfd;
struct worker_board;

/*
 * A worker cuts its requests off at the end of the grace itself. This is for telling
 * them so and for its modules to shut down, on a machine with much else to do.
 */
#define MASTER_KILL_SLACK_MS 2000

enum master_phase {
	MASTER_STARTING, /* not every worker has been ready yet; a death now is final */
	MASTER_RUNNING,
	MASTER_STOPPING, /* no more forks; ends when the last worker has */
};

enum master_reload {
	MASTER_SETTLED,
	MASTER_CHECKING, /* a child looks at the configuration */
	MASTER_RENEWING, /* the workers of the next generation start */
	MASTER_ASKING,	 /* a child asks the program's next version whether all is well */
	MASTER_HANDING,	 /* it is in force; workers of the former one may accept still */
};

struct master {
	const struct master_setup *setup;
	const struct log *log;
	struct generation *now;	  /* owned */
	struct generation *next;  /* owned; while RENEWING, else NULL */
	unsigned last_generation; /* the number of the newest; 0 is nobody's */
	enum master_reload reload;
	pid_t checker;		   /* while CHECKING or ASKING */
	int64_t handed_ms;	   /* HANDING: they are not waited for any longer */
	bool wants_reload;	   /* once more, after this one */
	struct adoption adoption;  /* of now's lanes */
	struct worker_slot *slots; /* owned, n_slots of them */
	unsigned n_slots;
	struct pollfd *polled; /* owned: the signals, control sockets: the hub's, workers', jobs' */
	struct pollfd *open;   /* owned: those of them that there are */
	struct hub_keeper hub;
	struct job_keeper jobs;
	unsigned n_strangers;	   /* who could not be introduced to the hub */
	struct worker_notes notes; /* what a slot's worker wants known when it dies */
	struct crash_keeper crashes;
	struct worker_lags lags;
	struct worker_board *board; /* owned: what others may know of all this */
	struct ctl_keeper ctl;
	int told_level;	  /* of the log: what the hub and ctl go by */
	int64_t leave_ms; /* when it begins to stop, having been asked to; INT64_MAX: it was not */
	struct service_keeper service;
	int signals_fd;
	enum master_phase phase;
	int64_t kill_ms; /* while stopping: when patience ends; INT64_MAX: never, or it has */
	bool has_limit;	 /* while stopping: patience ends, once */
	int n_stops;
	int exit_code;
};

#endif
