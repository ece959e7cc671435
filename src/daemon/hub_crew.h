#ifndef WEIR_DAEMON_HUB_CREW_H
#define WEIR_DAEMON_HUB_CREW_H
/*
 * hub_crew.h - the job processes as the hub has them: a pipe to each, and the
 * master, who forks, kills and reaps them. Which of them gets which job is
 * job_pools' to decide; what becomes of that job's worker, hub_jobs'.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "io/loop.h"

struct control_job_process;
struct hub_crew;
struct job_packet;
struct job_pools;
struct log;
struct pool_job;
struct pool_process;

/* Of whoever has the pools. */
struct hub_crew_ops {
	/* Around whatever changes the pools. */
	void (*begin)(struct hub_crew *crew);
	void (*end)(struct hub_crew *crew);
	/* A job says how far it is. */
	void (*report)(struct hub_crew *crew, struct pool_job *job,
		       const struct job_packet *packet);
};

/* All is borrowed. */
struct hub_crew_setup {
	const struct hub_crew_ops *ops;
	struct loop *loop;
	const struct log *log;
	struct job_pools *pools;
	void *buf;	/* what all pipes receive: JOB_PACKET_MAX bytes */
	int control_fd; /* the master */
	bool logs_ids;	/* of the requests whose jobs die */
	/* Without a master: kills a job process. NULL: nothing. */
	void (*kill)(pid_t pid);
};

struct hub_crew {
	struct hub_crew_setup setup;
	bool has_master;	  /* it has not died */
	struct list processes;	  /* of struct hub_crew_process, owned */
	struct timer again;	  /* what the master has not taken is sent again */
	struct loop_defer broken; /* pipes that nothing can be sent on are closed */
};

void hub_crew_init(struct hub_crew *crew, const struct hub_crew_setup *setup);
/* All pipes are closed. */
void hub_crew_done(struct hub_crew *crew);

/* See hub_jobs.h. */
void hub_crew_meet(struct hub_crew *crew, unsigned child, const struct control_job_process *what,
		   int take_fd);
void hub_crew_ended(struct hub_crew *crew, unsigned child, int status);
void hub_crew_orphaned(struct hub_crew *crew);
/* No job runs. */
bool hub_crew_is_quiet(const struct hub_crew *crew);

/* To one of them; what cannot be sent breaks its pipe, when nobody is busy with it. */
void hub_crew_tell(struct pool_process *process, const struct job_packet *packet);
/* Its job is no word of it any more, and it must go: now; or after the job that it runs. */
void hub_crew_kill(struct pool_process *process);
void hub_crew_retire(struct pool_process *process);
/* Whose worker has gone before they were told of their job (hub_job's is_held): they have nothing to end. */
void hub_crew_drop_held(struct hub_crew *crew);

#endif
