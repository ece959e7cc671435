#ifndef WEIR_TESTS_HUB_JOBS_WORLD_H
#define WEIR_TESTS_HUB_JOBS_WORLD_H
/*
 * hub_jobs_world.h - the hub's jobs on a loop in virtual time; the test is the
 * master, the workers and the job processes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/hub_jobs.h"
#include "daemon/job_counts.h"
#include "daemon/job_plan.h"
#include "daemon/job_wire.h"

#define N_WORKERS 2
#define N_CHILDREN 4
#define GRACE_MS 100

struct world {
	struct loop *loop;
	struct log log;
	int log_fd;
	char said[4096];
	struct job_plan plan; /* "default" */
	struct job_counts counts;
	struct hub_jobs jobs;
	int hub_control, control; /* the master's end */
	int workers[N_WORKERS];
	int children[N_CHILDREN]; /* job processes */
	char *buf;		  /* of the last packet that came */
};

/* Two workers, no job process; a pool of two processes, with room for two jobs, without limits. */
void world_begin(struct world *w);
void world_done(struct world *w);
/* Makes what was changed in this place of the plan count. */
void world_set(struct world *w, unsigned place);

/* Whatever is there to be done without waiting, is. */
void world_turns(struct world *w);
void world_wait_ms(struct world *w, int64_t ms);
void world_connect_worker(struct world *w, unsigned slot);
/* A job process, its pid is 100 more than its number; and one that has said IDLE. */
void world_meet(struct world *w, unsigned child, bool is_old);
void world_add_idle(struct world *w, unsigned child);
/* Sends to the hub, which hears it. */
void world_say(struct world *w, int fd, const struct job_packet *packet);
/* The next packet for this one, which must be there and say that. Its views are good until the next. */
struct job_packet world_take(struct world *w, int fd, enum job_word word);
void world_expect_nothing(struct world *w, int fd);
struct job_packet world_submit_packet(uint64_t id);
void world_submit(struct world *w, unsigned slot, uint64_t id);
/* A job of worker 0 that runs on child 0; the hub's number of it. */
uint64_t world_run_one(struct world *w, uint64_t id);
/* What the master is told. */
void world_expect_control(struct world *w, enum control_type type, unsigned child);
void world_expect_no_control(struct world *w);
/* What was logged since the last time. */
const char *world_said(struct world *w);
unsigned world_n_lines(const char *text);

#endif
