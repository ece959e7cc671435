/*
 * ports.c - a listener for each socket, and the local address as text. That is
 * the same for all connections of a socket, unless it is bound to a wildcard:
 * only then is the kernel asked for each.
 */
#include "daemon/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/listeners.h"
#include "io/listener.h"
#include "io/sock.h"
#include "serve/server.h"

struct port {
	struct list link;
	struct listener listener;
	struct server *server; /* borrowed */
	unsigned slot;	       /* whose it is */
	int adopted_fd;	       /* owned; -1: our own slot's, which the listeners own */
	size_t local_len;      /* 0: a wildcard */
	char local[SOCK_NAME_MAX];
};

void ports_init(struct ports *ports, struct loop *loop, const struct log *log,
		struct server *server)
{
	*ports = (struct ports){ .loop = loop, .log = log, .server = server };
	list_init(&ports->open);
}

static void on_accepted(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct port *port = arg;
	char client[SOCK_NAME_MAX], local[SOCK_NAME_MAX];
	weir_str from = { client, sock_name(peer, client) };
	weir_str to = { port->local, port->local_len };
	struct sock_addr address;

	if (to.len == 0 && sock_local(take_fd, &address) >= 0)
		to = (weir_str){ local, sock_name(&address, local) };
	server_accept(port->server, take_fd, from, to);
}

/* No descriptor is left for it. */
static void on_refused(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct port *port = arg;
	char client[SOCK_NAME_MAX];
	weir_str from = { client, sock_name(peer, client) };

	server_refuse(port->server, take_fd, from);
}

static const struct listener_ops listener_ops = { .accepted = on_accepted, .refused = on_refused };

static bool is_wildcard(const struct sock_addr *address)
{
	const struct sockaddr_in6 *in6 = (const void *)&address->ss;
	const struct sockaddr_in *in = (const void *)&address->ss;

	if (address->ss.ss_family == AF_INET)
		return in->sin_addr.s_addr == htonl(INADDR_ANY);
	return address->ss.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static struct port *port_open(struct ports *ports, unsigned slot, int fd)
{
	struct port *port = calloc(1, sizeof(*port));
	struct sock_addr address;

	if (!port)
		return NULL;
	port->server = ports->server;
	port->slot = slot;
	port->adopted_fd = -1;
	if (sock_local(fd, &address) >= 0 && !is_wildcard(&address))
		port->local_len = sock_name(&address, port->local);
	list_add_tail(&ports->open, &port->link);
	listener_open(&port->listener, ports->loop, ports->log, fd, &listener_ops, port);
	return port;
}

static void port_close(struct port *port)
{
	listener_close(&port->listener);
	list_del(&port->link);
	if (port->adopted_fd >= 0)
		(void)close(port->adopted_fd);
	free(port);
}

int ports_open(struct ports *ports, const struct listeners *listeners, unsigned slot)
{
	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (!port_open(ports, slot, listeners_fd(listeners, slot, i)))
			return -ENOMEM;
	}
	return 0;
}

void ports_adopt(struct ports *ports, unsigned slot, int take_fd)
{
	struct port *port = port_open(ports, slot, take_fd);

	if (port)
		port->adopted_fd = take_fd;
	else
		(void)close(take_fd);
}

void ports_return(struct ports *ports, unsigned slot)
{
	list_for_each_safe (link, &ports->open) {
		struct port *port = list_entry(link, struct port, link);

		if (port->adopted_fd >= 0 && port->slot == slot)
			port_close(port);
	}
}

void ports_finish(struct ports *ports)
{
	list_for_each_safe (link, &ports->open) {
		struct port *port = list_entry(link, struct port, link);

		listener_finish(&port->listener);
		port_close(port);
	}
}

void ports_close(struct ports *ports)
{
	list_for_each_safe (link, &ports->open)
		port_close(list_entry(link, struct port, link));
}
