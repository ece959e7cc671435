#ifndef WEIR_DAEMON_CTL_CLIENTS_H
#define WEIR_DAEMON_CTL_CLIENTS_H
/*
 * ctl_clients.h - whoever has connected to the control socket: a line comes, a
 * command is done, its answer goes, then the next line. What makes no sense as a
 * line costs its client the connection. Who may connect is the file's to say.
 */
#include "base/list.h"
#include "daemon/ctl_commands.h"
#include "io/block.h"
#include "io/listener.h"

/* More have to wait, unless one of them asks nothing, or does not read its answer: that one has to go. */
#define CTL_CLIENTS_MAX 32

struct ctl_clients {
	const struct ctl_world *world; /* borrowed */
	struct listener listener;
	struct block_pool blocks;
	struct list open;
	unsigned n;
};

/* fd listens, and is borrowed. */
void ctl_clients_init(struct ctl_clients *clients, const struct ctl_world *world, int fd);
void ctl_clients_done(struct ctl_clients *clients);

#endif
