#ifndef WEIR_DAEMON_HUB_JOB_H
#define WEIR_DAEMON_HUB_JOB_H
/*
 * hub_job.h - a job as the hub keeps it: what it has to pass on, and how it
 * ends in words.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <weir/base.h>

#include "base/macro.h"
#include "daemon/job_pools.h"
#include "daemon/job_wire.h"

struct log;

struct hub_job {
	struct pool_job job;
	struct list link;
	int64_t submitted_us;
	int64_t started_us; /* 0: it waits */
	bool is_taken;	    /* it was not refused */
	bool is_held;	    /* its process has not been told of it: its worker must know first */
	int fd;		    /* owned: its input; -1 */
	uint64_t fd_len;
	size_t module_len, name_len, request_id_len, traceparent_len, bytes_len;
	char text[]; /* these, one after the other */
};

/* A copy of a SUBMIT, whose descriptor is taken if it comes to that. NULL without memory. */
struct hub_job *hub_job_new(const struct job_packet *packet, int64_t now_us);
struct hub_job *hub_job_free(struct hub_job *job);
static inline struct hub_job *hub_job_of(struct pool_job *job)
{
	return container_of(job, struct hub_job, job);
}

/* As RUN; its views are into the job. */
struct job_packet hub_job_packet(const struct hub_job *job);

/* What its process has done wrong, other than dying. */
enum hub_job_fault {
	HUB_JOB_FAULT_NONE,
	HUB_JOB_FAULT_GARBAGE, /* it has sent what makes no sense */
	HUB_JOB_FAULT_CLOSED,  /* it has closed its pipe */
};

struct hub_job_death {
	pid_t pid;
	int status;	 /* as waitpid() says; or JOB_STATUS_UNKNOWN (app/job_carrier) */
	bool was_killed; /* by us */
	bool is_said;	 /* the master says it, and which job it ran: for us it is a detail */
	bool with_id;	 /* the line ends with the id of the job's request */
	enum hub_job_fault fault;
};

/* Says that this job has ended without a word of its own. */
void hub_job_say_death(const struct hub_job *job, const struct log *log,
		       const struct hub_job_death *death);

#endif
