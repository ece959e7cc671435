#ifndef WEIR_DAEMON_WORKER_HUB_H
#define WEIR_DAEMON_WORKER_HUB_H
/*
 * worker_hub.h - what a worker does with the hub: where its publications come
 * from and go to, and its jobs.
 */
#include "daemon/hub_link.h"
#include "daemon/job_link.h"

struct ipc_message;
struct site;
struct topics;

struct worker_hub {
	struct hub_link link;
	struct job_link jobs;
	struct loop *loop;     /* borrowed */
	struct topics *topics; /* borrowed; NULL: there are none */
};

/* max_publication: in bytes. */
void worker_hub_init(struct worker_hub *hub, struct loop *loop, const struct log *log,
		     size_t max_publication);
/* From now on the hub's business is its topics' and its jobs'; NULL: nobody's, and jobs are over. */
void worker_hub_serve(struct worker_hub *hub, struct site *site);
void worker_hub_done(struct worker_hub *hub);
/* A CONTROL_HUB of the master's; its descriptors are taken. */
void worker_hub_meet(struct worker_hub *hub, const struct ipc_message *message);

#endif
