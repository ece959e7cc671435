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
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "daemon/listeners.h"
#include "daemon/tls_contexts.h"
#include "io/listener.h"
#include "io/sock.h"
#include "serve/server.h"

struct port {
	struct list link;
	struct listener listener;
	struct ports *ports; /* borrowed */
	size_t address;	     /* which one of the configuration */
	unsigned slot;	     /* whose it is */
	int adopted_fd;	     /* owned; -1: our own slot's, which the listeners own */
	size_t local_len;    /* 0: a wildcard */
	char local[SOCK_NAME_MAX];
};

void ports_init(struct ports *ports, struct loop *loop, const struct log *log,
		struct server *server)
{
	*ports = (struct ports){ .loop = loop, .log = log, .server = server };
	list_init(&ports->open);
}

/* Do its connections begin with a PROXY header? */
static bool is_proxied(const struct port *port)
{
	const struct conf_listen *listen = port->ports->listen;

	return listen && listen[port->address].has_proxy_protocol;
}

static void on_accepted(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct port *port = arg;
	char client[SOCK_NAME_MAX], local[SOCK_NAME_MAX];
	weir_str from = { client, sock_name(peer, client) };
	weir_str to = { port->local, port->local_len };
	struct sock_addr address;
	struct tls_ctx *tls;

	if (to.len == 0 && sock_local(take_fd, &address) >= 0)
		to = (weir_str){ local, sock_name(&address, local) };
	tls = tls_contexts_at(port->ports->tls, port->address);
	if (is_proxied(port))
		server_accept_proxied(port->ports->server, tls, take_fd, from, to);
	else if (tls)
		server_accept_secure(port->ports->server, tls, take_fd, from, to);
	else
		server_accept(port->ports->server, take_fd, from, to);
}

/* No descriptor is left for it. */
static void on_refused(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct port *port = arg;
	char client[SOCK_NAME_MAX];
	weir_str from = { client, sock_name(peer, client) };

	/* A page in plain text would be no answer; nor is one to a proxy whose client is not known. */
	if (is_proxied(port) || tls_contexts_at(port->ports->tls, port->address))
		server_turn_away(port->ports->server, take_fd, from, FAULT_OVERLOADED);
	else
		server_refuse(port->ports->server, take_fd, from);
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

void ports_set_tls(struct ports *ports, const struct tls_contexts *tls)
{
	ports->tls = tls;
}

static struct port *port_open(struct ports *ports, unsigned slot, size_t address, int fd)
{
	struct port *port = calloc(1, sizeof(*port));
	struct sock_addr local;

	if (!port)
		return NULL;
	port->ports = ports;
	port->address = address;
	port->slot = slot;
	port->adopted_fd = -1;
	if (sock_local(fd, &local) >= 0 && !is_wildcard(&local))
		port->local_len = sock_name(&local, port->local);
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
	ports->listeners = listeners;
	ports->slot = slot;
	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (!port_open(ports, slot, i, listeners_fd(listeners, slot, i)))
			return -ENOMEM;
	}
	return 0;
}

/*
 * An adopted socket is bound to the address of one of ours: so we know whether
 * TLS is spoken there. The number of listeners: to none.
 */
static size_t find_address(const struct ports *ports, int fd)
{
	size_t n = ports->listeners ? listeners_count(ports->listeners) : 0;
	struct sock_addr theirs, ours;

	if (sock_local(fd, &theirs) < 0)
		return n;
	for (size_t i = 0; i < n; i++) {
		if (sock_local(listeners_fd(ports->listeners, ports->slot, i), &ours) >= 0 &&
		    ours.len == theirs.len && !memcmp(&ours.ss, &theirs.ss, ours.len))
			return i;
	}
	return n;
}

void ports_adopt(struct ports *ports, unsigned slot, int take_fd)
{
	size_t address = find_address(ports, take_fd);
	bool is_known = (!ports->tls && !ports->listen) ||
			address < listeners_count(ports->listeners);
	struct port *port = is_known ? port_open(ports, slot, address, take_fd) : NULL;

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

		if (port->adopted_fd >= 0 ||
		    !listeners_is_inherited(ports->listeners, port->address))
			listener_finish(&port->listener);
		port_close(port);
	}
}

void ports_close(struct ports *ports)
{
	list_for_each_safe (link, &ports->open)
		port_close(list_entry(link, struct port, link));
}
