/*
 * listeners.c - the order is the hard thing. All TCP addresses are bound before
 * any of them listens, so that a taken one is found before a client can be
 * queued on another, only to be reset; and of each address the first socket
 * listens alone before it is shared with the other lanes (see io/sock.c).
 */
#include "daemon/listeners.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/conf_address.h"
#include "conf/exit_code.h"
#include "io/sock.h"

struct address {
	struct sock_addr wanted; /* as configured: at may have another port */
	struct sock_addr at;
	bool is_unix;
	bool is_dual;
	int inherited; /* borrowed, a socket of the service manager's; -1: it is no such address */
	bool has_file; /* a unix socket's file is ours */
	struct sock_file file;
	unsigned mode;	/* of a unix socket */
	bool has_owner; /* of its file, another than who opens it */
	struct sock_owner owner;
	struct address
		*kept; /* borrowed: whose sockets these are, too, until the renewal is over */
	char text[sizeof("systemd: ()") + CONF_ADDRESS_NAME_MAX + SOCK_NAME_MAX];
	int *fds; /* owned, one for each lane, -1 when not open; a shared address has one */
	unsigned n_fds;
};

struct listeners {
	pid_t opener; /* who may remove files */
	unsigned n_lanes;
	int backlog;
	size_t n_addresses;
	struct address addresses[];
};

/* By all workers: nobody else can open another such socket. */
static bool is_shared(const struct address *a)
{
	return a->is_unix || a->inherited >= 0;
}

static int address_init(struct address *a, const struct conf_listen *listen, unsigned n_lanes)
{
	const struct conf_address *from = &listen->address;

	a->wanted.ss = from->sockaddr;
	a->wanted.len = from->len;
	a->at = a->wanted;
	a->mode = listen->mode;
	a->has_owner = listen->has_owner;
	a->owner = (struct sock_owner){ listen->uid, listen->gid };
	a->is_unix = from->type == CONF_ADDRESS_UNIX;
	a->is_dual = from->is_any;
	assert(from->type != CONF_ADDRESS_INHERITED || from->inherited >= 0);
	a->inherited = from->type == CONF_ADDRESS_INHERITED ? from->inherited : -1;
	(void)snprintf(a->text, sizeof(a->text), "%s", from->text);
	a->n_fds = is_shared(a) ? 1 : n_lanes;
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

/* The first one listens already, or is bound by nobody else. */
static int bind_others(struct address *a)
{
	int r = 0;

	if (a->n_fds > 1)
		r = sock_share(a->fds[0]);
	for (unsigned i = 1; i < a->n_fds && r == 0; i++) {
		if (a->fds[i] < 0)
			r = sock_bind_tcp_shared(&a->at, a->is_dual, &a->fds[i]);
	}
	return r;
}

/* Twice is once, but for another backlog. */
static int listen_all_lanes(const struct address *a, int backlog)
{
	int r = 0;

	for (unsigned i = 0; i < a->n_fds && r == 0; i++)
		r = sock_listen(a->fds[i], backlog);
	return r;
}

static int open_lanes(struct address *a, int backlog)
{
	int r;

	/* Those that are kept: a lane that is new listens when it has a worker. */
	if (a->kept)
		return bind_others(a);
	r = sock_listen(a->fds[0], backlog);
	if (r == 0)
		r = bind_others(a);
	return r < 0 ? r : listen_all_lanes(a, backlog);
}

static int listen_unix(struct address *a, int backlog)
{
	int r;

	r = sock_listen_unix(&a->at, a->mode, a->has_owner ? &a->owner : NULL, backlog, &a->file,
			     &a->fds[0]);
	a->has_file = r == 0;
	return r;
}

/* A descriptor of our own, so that the next configuration finds the inherited one as it was. */
static int take_inherited(struct address *a)
{
	a->fds[0] = fcntl(a->inherited, F_DUPFD_CLOEXEC, 3);
	return a->fds[0] < 0 ? -errno : 0;
}

/* Opens all; on failure *reterr_at says which one it was. */
static int open_all(struct listeners *ls, size_t *reterr_at)
{
	enum { BIND, UNIX, LISTEN, N_PASSES };

	for (int pass = BIND; pass < N_PASSES; pass++) {
		for (size_t i = 0; i < ls->n_addresses; i++) {
			struct address *a = &ls->addresses[i];
			int r = 0;

			if (pass == BIND && a->inherited >= 0)
				r = take_inherited(a);
			else if (pass == BIND && !a->is_unix && !a->kept)
				r = bind_first(a);
			if (pass == UNIX && a->is_unix && !a->kept)
				r = listen_unix(a, ls->backlog);
			if (pass == LISTEN && !is_shared(a))
				r = open_lanes(a, ls->backlog);
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
		if (!is_shared(a)) {
			(void)snprintf(command, sizeof(command), " (see: ss -ltnp 'sport = :%u')",
				       ntohs(port_of(&a->at)));
			hint = command;
		}
	} else if (error == -ENOTSOCK) {
		why = "there is a file in its place that is no socket";
	} else if (error == -EADDRNOTAVAIL) {
		why = "this machine does not have that address";
	} else if (error == -EACCES && !is_shared(a) && ntohs(port_of(&a->at)) < 1024) {
		hint = " (ports below 1024 need CAP_NET_BIND_SERVICE)";
	}
	(void)snprintf(words, LISTENERS_WORDS_MAX, "cannot listen on %s: %s%s", a->text, why, hint);
}

/* ---- renewal */

static bool is_same(const struct sock_addr *a, const struct sock_addr *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

/* The former one of this address that nobody else has taken; NULL. */
static struct address *find_former(const struct listeners *ls, struct listeners *former,
				   const struct address *a)
{
	/* The service manager's are there anyway. */
	if (a->inherited >= 0)
		return NULL;
	for (size_t i = 0; former && i < former->n_addresses; i++) {
		struct address *candidate = &former->addresses[i];
		bool is_taken = false;

		for (size_t k = 0; k < ls->n_addresses; k++)
			is_taken = is_taken || ls->addresses[k].kept == candidate;
		if (!is_taken && candidate->inherited < 0 && candidate->is_unix == a->is_unix &&
		    is_same(&candidate->wanted, &a->wanted))
			return candidate;
	}
	return NULL;
}

/* Of one's own, so that either can be closed without regard to the other. */
static int keep(struct address *a, struct address *former)
{
	a->kept = former;
	a->at = former->at;
	a->is_dual = former->is_dual;
	memcpy(a->text, former->text, sizeof(a->text));
	for (unsigned i = 0; i < former->n_fds && i < a->n_fds; i++) {
		a->fds[i] = fcntl(former->fds[i], F_DUPFD_CLOEXEC, 3);
		if (a->fds[i] < 0)
			return -errno;
	}
	return 0;
}

static int init_all(struct listeners *ls, struct listeners *former,
		    const struct conf_listen *listen, size_t n_listen)
{
	int r = 0;

	for (size_t i = 0; i < n_listen && r == 0; i++) {
		struct address *a = &ls->addresses[i], *kept;

		r = address_init(a, &listen[i], ls->n_lanes);
		ls->n_addresses = i + (r == 0);
		kept = r == 0 ? find_former(ls, former, a) : NULL;
		if (kept)
			r = keep(a, kept);
	}
	return r;
}

int listeners_renew(struct listeners *former, const struct conf_listen *listen, size_t n_listen,
		    unsigned n_lanes, int backlog, struct listeners **ret_listeners,
		    char reterr_words[LISTENERS_WORDS_MAX])
{
	_cleanup_(listeners_closep) struct listeners *ls = NULL;
	size_t at = 0;
	int r;

	ls = calloc(1, sizeof(*ls) + n_listen * sizeof(ls->addresses[0]));
	if (ls) {
		ls->opener = getpid();
		ls->backlog = backlog;
		ls->n_lanes = former && former->n_lanes > n_lanes ? former->n_lanes : n_lanes;
	}
	r = ls ? init_all(ls, former, listen, n_listen) : -ENOMEM;
	if (r < 0) {
		(void)snprintf(reterr_words, LISTENERS_WORDS_MAX, "cannot listen: %s",
			       strerror(-r));
		return r;
	}
	r = open_all(ls, &at);
	if (r < 0) {
		explain(&ls->addresses[at], r, reterr_words);
		return r;
	}
	*ret_listeners = steal_ptr(ls);
	return 0;
}

int listeners_open(const struct conf_listen *listen, size_t n_listen, unsigned n_lanes, int backlog,
		   struct listeners **ret_listeners, char reterr_words[LISTENERS_WORDS_MAX])
{
	return listeners_renew(NULL, listen, n_listen, n_lanes, backlog, ret_listeners,
			       reterr_words);
}

/* As the new configuration wants it. What cannot be done is no reason not to serve. */
static void renew_file(const struct address *a, const struct address *kept)
{
	const char *path = ((const struct sockaddr_un *)&a->at.ss)->sun_path;

	if (a->has_owner && memcmp(&a->owner, &kept->owner, sizeof(a->owner)) != 0)
		(void)!lchown(path, a->owner.uid, a->owner.gid);
	if (a->mode != kept->mode)
		(void)!fchmodat(AT_FDCWD, path, a->mode, AT_SYMLINK_NOFOLLOW);
}

void listeners_succeed(struct listeners *ls)
{
	for (size_t i = 0; i < ls->n_addresses; i++) {
		struct address *a = &ls->addresses[i], *kept = a->kept;

		if (!kept)
			continue;
		a->kept = NULL;
		a->file = kept->file;
		a->has_file = kept->has_file;
		kept->has_file = false;
		if (a->is_unix)
			renew_file(a, kept);
	}
}

int listeners_begin(const struct listeners *ls)
{
	int r = 0;

	for (size_t i = 0; i < ls->n_addresses && r == 0; i++) {
		if (ls->addresses[i].inherited < 0)
			r = listen_all_lanes(&ls->addresses[i], ls->backlog);
	}
	return r;
}

/* ---- lanes */

static int widen(struct address *a, unsigned n)
{
	int *fds;

	if (is_shared(a) || n <= a->n_fds)
		return 0;
	fds = realloc(a->fds, n * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	for (unsigned i = a->n_fds; i < n; i++)
		fds[i] = -1;
	a->fds = fds;
	a->n_fds = n;
	return bind_others(a);
}

/* Nobody can be queued on what does not listen yet. */
static void narrow(struct address *a, unsigned n)
{
	while (!is_shared(a) && a->n_fds > n)
		close_fdp(&a->fds[--a->n_fds]);
}

int listeners_widen(struct listeners *ls, unsigned n_lanes)
{
	int r = 0;

	for (size_t i = 0; i < ls->n_addresses && r == 0; i++)
		r = widen(&ls->addresses[i], n_lanes);
	for (size_t i = 0; i < ls->n_addresses && r < 0; i++)
		narrow(&ls->addresses[i], ls->n_lanes);
	if (r == 0 && n_lanes > ls->n_lanes)
		ls->n_lanes = n_lanes;
	return r;
}

unsigned listeners_n_lanes(const struct listeners *ls)
{
	return ls->n_lanes;
}

/* ---- for another program */

struct packed_listeners {
	uint32_t n_addresses, n_lanes;
	int32_t backlog, opener;
};

/* Numbers of descriptors follow. */
struct packed_address {
	struct sock_addr wanted, at;
	struct sock_file file;
	uint32_t is_unix, is_dual, has_file, mode, n_fds;
	int32_t inherited;
	char text[sizeof(((struct address *)0)->text)];
};

static int pack_address(const struct address *a, struct buf *out)
{
	struct packed_address packed = { .wanted = a->wanted,
					 .at = a->at,
					 .file = a->file,
					 .is_unix = a->is_unix,
					 .is_dual = a->is_dual,
					 .has_file = a->has_file,
					 .mode = a->mode,
					 .n_fds = a->n_fds,
					 .inherited = a->inherited };
	int r;

	(void)snprintf(packed.text, sizeof(packed.text), "%s", a->text);
	r = buf_append(out, &packed, sizeof(packed));
	return r < 0 ? r : buf_append(out, a->fds, a->n_fds * sizeof(*a->fds));
}

int listeners_pack(const struct listeners *ls, struct buf *out)
{
	struct packed_listeners packed = { .n_addresses = (uint32_t)ls->n_addresses,
					   .n_lanes = ls->n_lanes,
					   .backlog = ls->backlog,
					   .opener = (int32_t)ls->opener };
	int r;

	r = buf_append(out, &packed, sizeof(packed));
	for (size_t i = 0; i < ls->n_addresses && r >= 0; i++)
		r = pack_address(&ls->addresses[i], out);
	return r;
}

static int unpack_address(weir_str *bytes, struct address *a)
{
	struct packed_address packed;
	int r;

	r = str_cut(bytes, &packed, sizeof(packed));
	if (r < 0 || packed.n_fds > bytes->len / sizeof(*a->fds))
		return -EPROTO;
	a->fds = malloc((packed.n_fds + 1) * sizeof(*a->fds));
	if (!a->fds)
		return -ENOMEM;
	a->n_fds = packed.n_fds;
	a->wanted = packed.wanted;
	a->at = packed.at;
	a->file = packed.file;
	a->is_unix = packed.is_unix;
	a->is_dual = packed.is_dual;
	a->inherited = packed.inherited;
	a->has_file = packed.has_file;
	a->mode = packed.mode;
	memcpy(a->text, packed.text, sizeof(a->text) - 1);
	return str_cut(bytes, a->fds, a->n_fds * sizeof(*a->fds));
}

int listeners_unpack(weir_str bytes, struct listeners **ret_listeners)
{
	_cleanup_(freep) struct listeners *ls = NULL;
	struct packed_listeners packed;
	int r;

	r = str_cut(&bytes, &packed, sizeof(packed));
	if (r < 0 || packed.n_addresses > bytes.len / sizeof(struct packed_address))
		return -EPROTO;
	ls = calloc(1, sizeof(*ls) + packed.n_addresses * sizeof(ls->addresses[0]));
	if (!ls)
		return -ENOMEM;
	ls->opener = packed.opener;
	ls->n_lanes = packed.n_lanes;
	ls->backlog = packed.backlog;
	/* What is half there is not closed: these may be anybody's descriptors. */
	for (size_t i = 0; i < packed.n_addresses && r >= 0; i++)
		r = unpack_address(&bytes, &ls->addresses[i]);
	for (size_t i = 0; i < packed.n_addresses && r < 0; i++)
		free(ls->addresses[i].fds);
	if (r < 0)
		return r;
	ls->n_addresses = packed.n_addresses;
	*ret_listeners = steal_ptr(ls);
	return 0;
}

/* ---- life */

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

int listeners_fd(const struct listeners *ls, unsigned lane, size_t address)
{
	const struct address *a = &ls->addresses[address];

	return a->fds[is_shared(a) ? 0 : lane];
}

bool listeners_is_shared(const struct listeners *ls, size_t address)
{
	return is_shared(&ls->addresses[address]);
}

bool listeners_is_inherited(const struct listeners *ls, size_t address)
{
	return ls->addresses[address].inherited >= 0;
}

void listeners_keep(struct listeners *ls, unsigned lane)
{
	for (size_t i = 0; i < ls->n_addresses; i++) {
		struct address *a = &ls->addresses[i];

		for (unsigned k = 0; k < a->n_fds; k++) {
			if (is_shared(a) || k == lane)
				continue;
			close_fdp(&a->fds[k]);
			a->fds[k] = -1;
		}
	}
}
