#ifndef WEIR_DAEMON_PORTS_H
#define WEIR_DAEMON_PORTS_H
/*
 * ports.h - the sockets that one worker accepts from: those of its own slot,
 * and those it has adopted from a slot without a worker.
 */
#include "base/list.h"
#include "base/macro.h"

struct conf_listen;
struct listeners;
struct log;
struct loop;
struct server;
struct tls_contexts;

struct ports {
	struct loop *loop;		   /* borrowed */
	const struct log *log;		   /* borrowed */
	struct server *server;		   /* borrowed: who gets the connections */
	const struct listeners *listeners; /* borrowed; once open */
	const struct tls_contexts *tls;	   /* borrowed; NULL: no listener has TLS */
	const struct conf_listen *listen;  /* borrowed: by listener; NULL: none has PROXY headers */
	unsigned slot;			   /* our own */
	struct list open;
};

void ports_init(struct ports *ports, struct loop *loop, const struct log *log,
		struct server *server);
/* What connections from now on use, by listener. */
void ports_set_tls(struct ports *ports, const struct tls_contexts *tls);
/* Accepts on all addresses of this slot. -ENOMEM. */
MUST_USE int ports_open(struct ports *ports, const struct listeners *listeners, unsigned slot);
/* One more, another slot's. Without memory its connections wait for another worker. */
void ports_adopt(struct ports *ports, unsigned slot, int take_fd);
/* That slot has a worker again. */
void ports_return(struct ports *ports, unsigned slot);
/* Accepts no more, after it has taken what waits: the sockets are about to be closed. */
void ports_finish(struct ports *ports);
/* Accepts no more, at once. */
void ports_close(struct ports *ports);

#endif
