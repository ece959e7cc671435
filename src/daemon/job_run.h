#ifndef WEIR_DAEMON_JOB_RUN_H
#define WEIR_DAEMON_JOB_RUN_H
/*
 * job_run.h - one job after the other, in a job process: a packet from the hub
 * (daemon/job_wire) becomes a call of a module's function, and what that gives a
 * packet back. All of it in plain, blocking calls.
 *
 * A job may do whatever a C program can. What it leaves behind and we can mend is
 * mended before the next one: blocked signals, those that are ours, an alarm, its
 * children. What cannot be is a reason to end, before its ENDED is sent: then only its
 * own request fails.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "app/work.h"
#include "base/macro.h"
#include "daemon/job_limits.h"

struct binding;
struct conf_job_pool;
struct log;
struct crash_note;
struct job_packet;
struct worker_note;

/* What it needs of its process. All borrowed. */
struct job_run_setup {
	const struct binding *binding; /* the modules */
	const struct conf_job_pool *pool;
	uint32_t pool_index;
	size_t max_result; /* bytes */
	struct job_limits *limits;
	bool logs_ids;		  /* lines of jobs end with their request's */
	struct worker_note *note; /* what the master may read when it has died; NULL: nobody does */
	struct crash_note *crash; /* how it crashes; NULL: nobody reads that */
	const struct log *log;
	int control_fd;
};

struct job_run_kept {
	int fd;
	dev_t dev;
	ino_t ino;
};

struct job_run {
	struct job_run_setup setup;
	int pipe_fd; /* owned; -1: none */
	struct weir_work work;
	uint64_t id;		      /* of the job that runs */
	const struct job_packet *job; /* the same; valid as long as it runs */
	bool is_asked;		      /* SIGTERM has come while a job ran */
	sigset_t mask;		      /* of a job */
	struct sigaction actions[3];  /* of the signals that are ours */
	char *packet,
		*aside; /* owned: the job's, whose input lies in it, and what comes meanwhile */
	struct job_run_kept kept[3]; /* descriptors that no job may close: pipe, control, log */
};

/* The signals that are blocked now are not while a job runs. -ENOMEM. */
MUST_USE int job_run_init(struct job_run *run, const struct job_run_setup *setup);
void job_run_done(struct job_run *run);

/* A hub: its pipe takes the place of the one before, and hears that a job is taken. */
void job_run_meet(struct job_run *run, int take_pipe_fd);

/*
 * The next packet, and the job that is in it, to its end. 1; -EAGAIN: there was none; 0: the pipe is
 * over. Another error: this process is not fit for another job, which has been logged.
 */
MUST_USE int job_run_next(struct job_run *run);

#endif
