#ifndef WEIR_DAEMON_MASTER_H
#define WEIR_DAEMON_MASTER_H
/*
 * master.h - the process that keeps the workers, the hub and the job processes
 * alive. It forks them, says why each one died, starts the next, and stops them
 * all in good order. It runs no threads, loads no module, and never reads a byte
 * that a client sent.
 */
#include <stdbool.h>

#include "base/macro.h"

struct crash_limit;
struct crash_note;
struct ctl_doors;
struct generation;
struct generation_ops;
struct handover;
struct job_plan;
struct listeners;
struct log;
struct worker_board;
struct worker_lag;
struct worker_lags;
struct worker_note;

/* What a worker begins its life with. All is borrowed, and there as long as the worker. */
struct worker_args {
	unsigned slot;		     /* no other worker has it: its place in shared memory */
	unsigned lane;		     /* where it accepts: see listeners.h */
	bool is_held;		     /* it is ready, but does not accept, until SERVE comes */
	int control_fd;		     /* see daemon/control.h */
	struct listeners *listeners; /* only this lane's sockets are open */
	struct worker_note *note;    /* what the master may read when it has died; clear */
	struct crash_note *crash;    /* for how it crashes, or is stuck; NULL: no memory for it */
	struct worker_lag *lag;	     /* for how long its loop's turns take */
	const struct worker_board
		*board; /* of all workers: for who shows them; NULL: nobody does */
	const struct worker_lags *lags;
	const struct crash_limit *crash_limit; /* the routes that are closed; NULL: none */
	struct log *log;		       /* says "worker 0" */
	void *arg;			       /* the generation's */
};

/*
 * Runs in the child; what it returns is the exit code: 0 only after a drain.
 * SIGINT, SIGHUP and others are ignored, since the master decides what they mean;
 * SIGTERM, sent by an operator or by the kernel when the master dies, is the
 * same as a DRAIN, and both may come, and come again.
 */
typedef int worker_main_fn(const struct worker_args *args);

/* What the hub begins its life with; as for workers, all is borrowed. */
struct hub_args {
	int control_fd;
	unsigned n_slots;
	const struct job_plan *jobs; /* the pools; NULL: none */
	struct log *log;	     /* says "hub" */
	void *arg;		     /* the generation's */
};

/* Runs in the child, as a worker does. */
typedef int hub_main_fn(const struct hub_args *args);

/* What the ctl process begins its life with; as for workers, all is borrowed. */
struct ctl_args {
	int control_fd;
	struct worker_board *board;
	struct worker_lags *lags;
	const struct ctl_doors *doors;
	struct log *log; /* says "ctl" */
	void *arg;	 /* the generation's */
};

/* Runs in the child, as a worker does. */
typedef int ctl_main_fn(const struct ctl_args *args);

/* What a job process begins its life with; as for workers, all is borrowed. */
struct job_args {
	const char *pool; /* its name, in the generation's configuration */
	int control_fd;
	struct worker_note *note; /* clear */
	struct crash_note *crash; /* for how it crashes; NULL: no memory for it */
	const struct log *log;	  /* says "job default" */
	void *arg;		  /* the generation's */
};

/* Runs in the child, as a worker does. */
typedef int job_main_fn(const struct job_args *args);

struct master_setup {
	struct log *log;		  /* says "master" */
	struct generation *first;	  /* taken */
	const struct generation_ops *ops; /* NULL: there is none but the first */
	void *ops_arg;
	struct handover *handed; /* workers of the program before, which first replaces; NULL */
	const char *program;	 /* absolute: what SIGUSR2 executes; NULL: nothing */
	char *const *arguments;	 /* and with what, from its name to a NULL */
	worker_main_fn *worker_main;
	hub_main_fn *hub_main;
	job_main_fn *job_main;
	ctl_main_fn *ctl_main;
	const struct ctl_doors *ctl_doors; /* borrowed; NULL: no ctl process */
};

/*
 * Places for workers: those of old generations end while those of new ones serve, and SIGTTIN
 * adds some. All memory that is for each worker has so many parts.
 */
unsigned master_n_slots(unsigned n_workers);

/* Returns in the master, when all workers have ended: an enum exit_code. */
MUST_USE int master_run(const struct master_setup *setup);

#endif
