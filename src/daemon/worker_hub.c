/* worker_hub.c - see worker_hub.h. Nobody in a worker subscribes to anything yet. */
#include "daemon/worker_hub.h"

#include "daemon/hub_process.h"
#include "io/ipc.h"

static void on_arrived(void *arg, weir_str scope, weir_str name, bool is_binary, weir_str bytes)
{
}

static void on_lost(void *arg, uint64_t n)
{
}

static void on_connected(void *arg, struct hub_link *link)
{
}

static const struct hub_link_ops ops = { on_arrived, on_lost, on_connected };

void worker_hub_init(struct worker_hub *hub, struct loop *loop, const struct log *log)
{
	hub_link_init(&hub->link, loop, log, HUB_PROCESS_MAX_PUBLICATION, &ops, hub);
}

void worker_hub_done(struct worker_hub *hub)
{
	hub_link_done(&hub->link);
}

void worker_hub_meet(struct worker_hub *hub, const struct ipc_message *message)
{
	for (size_t i = 0; i < message->n_fds; i++)
		hub_link_connect(&hub->link, message->fds[i]);
}
