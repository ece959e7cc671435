/*
 * listeners.c - the order is the hard thing. All TCP addresses are bound before
 * any of them listens, so that a taken one is found before a client can be
 * queued on another, only to be reset; and of each address the first socket
 * listens alone before it is shared with the other slots (see io/sock.c).
 */
#include "daemon/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "daemon/exit_code.h"
#include "io/sock.h"

struct address {
	struct sock_addr at;
	bool is_unix;
	bool is_dual;
	bool has_file; /* a unix socket's file is ours */
	struct sock_file file;
	char text[sizeof("unix:") + sizeof(struct sockaddr_storage)];
	int *fds; /* owned, one for each slot, -1 when not open; a unix address has one */
	unsigned n_fds;
};

struct listeners {
	pid_t opener; /* who may remove files */
	size_t n_addresses;
	struct address addresses[];
};

static int address_init(struct address *a, const struct conf_listen *listen, unsigned n_slots)
{
	const struct conf_address *from = &listen->address;

	a->at.ss = from->sockaddr;
	a->at.len = from->len;
	a->is_unix = from->type == CONF_ADDRESS_UNIX;
	a->is_dual = from->is_any;
	(void)snprintf(a->text, sizeof(a->text), "%s", from->text);
	a->n_fds = a->is_unix ? 1 : n_slots;
	a->fds = malloc(a->n_fds * sizeof(*a->fds));
	if (!a->fds)
		return -ENOMEM;
	for (unsigned i = 0; i < a->n_fds; i++)
		a->fds[i] = -1;
	return 0;
}

/* "*" without IPv6: all of IPv4, the same port. */
static void fall_back_to_ipv4(struct address *a)
{
	in_port_t port = ((const struct sockaddr_in6 *)&a->at.ss)->sin6_port;
	struct sockaddr_in *in = (struct sockaddr_in *)&a->at.ss;

	memset(&a->at.ss, 0, sizeof(a->at.ss));
	in->sin_family = AF_INET;
	in->sin_port = port;
	a->at.len = sizeof(*in);
	a->is_dual = false;
}

static in_port_t port_of(const struct sock_addr *at)
{
	return at->ss.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&at->ss)->sin6_port
					    : ((const struct sockaddr_in *)&at->ss)->sin_port;
}

static int bind_first(struct address *a)
{
	int r;

	r = sock_bind_tcp(&a->at, a->is_dual, &a->fds[0]);
	if (r == -EAFNOSUPPORT && a->is_dual) {
		fall_back_to_ipv4(a);
		r = sock_bind_tcp(&a->at, a->is_dual, &a->fds[0]);
	}
	if (r < 0 || port_of(&a->at) != 0)
		return r;
	/* The others need the port that the first was given, and people its name. */
	r = sock_local(a->fds[0], &a->at);
	if (r == 0)
		(void)sock_name(&a->at, a->text);
	return r;
}

static int listen_all_slots(struct address *a, int backlog)
{
	int r;

	r = sock_listen(a->fds[0], backlog);
	if (r < 0)
		return r;
	if (a->n_fds > 1)
		r = sock_share(a->fds[0]);
	for (unsigned i = 1; i < a->n_fds && r == 0; i++) {
		r = sock_bind_tcp_shared(&a->at, a->is_dual, &a->fds[i]);
		if (r == 0)
			r = sock_listen(a->fds[i], backlog);
	}
	return r;
}

static int listen_unix(struct address *a, unsigned mode, int backlog)
{
	int r;

	r = sock_listen_unix(&a->at, mode, backlog, &a->file, &a->fds[0]);
	a->has_file = r == 0;
	return r;
}

/* Opens all; on failure *reterr_at says which one it was. */
static int open_all(struct listeners *ls, const struct conf_listen *listen, int backlog,
		    size_t *reterr_at)
{
	enum { BIND, UNIX, LISTEN, N_PASSES };

	for (int pass = BIND; pass < N_PASSES; pass++) {
		for (size_t i = 0; i < ls->n_addresses; i++) {
			struct address *a = &ls->addresses[i];
			int r = 0;

			if (pass == BIND && !a->is_unix)
				r = bind_first(a);
			if (pass == UNIX && a->is_unix)
				r = listen_unix(a, listen[i].mode, backlog);
			if (pass == LISTEN && !a->is_unix)
				r = listen_all_slots(a, backlog);
			if (r < 0) {
				*reterr_at = i;
				return r;
			}
		}
	}
	return 0;
}

static void explain(const struct address *a, int error, char words[LISTENERS_WORDS_MAX])
{
	const char *why = strerror(-error), *hint = "";
	char command[64];

	if (error == -EADDRINUSE) {
		why = "another process already does";
		if (!a->is_unix) {
			(void)snprintf(command, sizeof(command), " (see: ss -ltnp 'sport = :%u')",
				       ntohs(port_of(&a->at)));
			hint = command;
		}
	} else if (error == -ENOTSOCK) {
		why = "there is a file in its place that is no socket";
	} else if (error == -EADDRNOTAVAIL) {
		why = "this machine does not have that address";
	} else if (error == -EACCES && !a->is_unix && ntohs(port_of(&a->at)) < 1024) {
		hint = " (ports below 1024 need CAP_NET_BIND_SERVICE)";
	}
	(void)snprintf(words, LISTENERS_WORDS_MAX, "cannot listen on %s: %s%s", a->text, why, hint);
}

int listeners_open(const struct conf_listen *listen, size_t n_listen, unsigned n_slots, int backlog,
		   struct listeners **ret_listeners, char reterr_words[LISTENERS_WORDS_MAX])
{
	_cleanup_(listeners_closep) struct listeners *ls = NULL;
	size_t at = 0;
	int r = 0;

	ls = calloc(1, sizeof(*ls) + n_listen * sizeof(ls->addresses[0]));
	if (!ls)
		r = -ENOMEM;
	for (size_t i = 0; i < n_listen && r == 0; i++) {
		ls->n_addresses = i + 1;
		r = address_init(&ls->addresses[i], &listen[i], n_slots);
	}
	if (r < 0) {
		(void)snprintf(reterr_words, LISTENERS_WORDS_MAX, "cannot listen: %s",
			       strerror(-r));
		return r;
	}
	ls->opener = getpid();
	r = open_all(ls, listen, backlog, &at);
	if (r < 0) {
		explain(&ls->addresses[at], r, reterr_words);
		return r;
	}
	*ret_listeners = steal_ptr(ls);
	return 0;
}

void listeners_stop(struct listeners *ls)
{
	for (size_t i = 0; i < ls->n_addresses; i++) {
		struct address *a = &ls->addresses[i];

		/* The file first: without a listener behind it others would take it for stale. */
		if (a->has_file && ls->opener == getpid())
			sock_unlink_unix(&a->at, &a->file);
		for (unsigned k = 0; a->fds && k < a->n_fds; k++) {
			close_fdp(&a->fds[k]);
			a->fds[k] = -1;
		}
	}
}

struct listeners *listeners_close(struct listeners *ls)
{
	if (!ls)
		return NULL;
	listeners_stop(ls);
	for (size_t i = 0; i < ls->n_addresses; i++)
		free(ls->addresses[i].fds);
	free(ls);
	return NULL;
}

int listeners_exit_code(int error)
{
	switch (error) {
	case -EADDRINUSE:
	case -ENOTSOCK:
		return EXIT_CODE_ADDRESS_IN_USE;
	case -EACCES:
	case -EPERM:
		return EXIT_CODE_PERMISSION;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
		return EXIT_CODE_SYSTEM;
	default:
		return EXIT_CODE_START;
	}
}

size_t listeners_count(const struct listeners *ls)
{
	return ls->n_addresses;
}

const char *listeners_text(const struct listeners *ls, size_t address)
{
	return ls->addresses[address].text;
}

void listeners_describe(const struct listeners *ls, char ret_words[LISTENERS_WORDS_MAX])
{
	size_t len = 0;

	ret_words[0] = '\0';
	for (size_t i = 0; i < ls->n_addresses && len < LISTENERS_WORDS_MAX; i++)
		len += (size_t)snprintf(ret_words + len, LISTENERS_WORDS_MAX - len, "%s%s",
					i > 0 ? ", " : "", ls->addresses[i].text);
}

int listeners_fd(const struct listeners *ls, unsigned slot, size_t address)
{
	const struct address *a = &ls->addresses[address];

	return a->fds[a->is_unix ? 0 : slot];
}

bool listeners_is_shared(const struct listeners *ls, size_t address)
{
	return ls->addresses[address].is_unix;
}

void listeners_keep(struct listeners *ls, unsigned slot)
{
	for (size_t i = 0; i < ls->n_addresses; i++) {
		struct address *a = &ls->addresses[i];

		for (unsigned k = 0; k < a->n_fds; k++) {
			if (a->is_unix || k == slot)
				continue;
			close_fdp(&a->fds[k]);
			a->fds[k] = -1;
		}
	}
}
