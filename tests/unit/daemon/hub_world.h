#ifndef WEIR_TESTS_HUB_WORLD_H
#define WEIR_TESTS_HUB_WORLD_H
/* hub_world.h - a hub and the links of some workers on one virtual loop, for test_hub.c and test_hub_link.c. */
#include "daemon/hub.h"
#include "daemon/hub_link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "io/loop.h"

#define N_WORKERS 4
#define MAX_BYTES ((size_t)1024 * 1024)

struct world;

struct test_worker {
	struct world *world;
	struct hub_link link;
	char wanted[4][32]; /* topics, "room/ *" is a prefix; "" are none */
	char got[4096];	    /* "scope:name=bytes " */
	uint64_t n_got, n_lost;
	unsigned n_asked; /* for what it wants */
};

struct world {
	struct loop *loop;
	struct log log;
	int log_fd;
	char said[4096];
	struct hub hub;
	bool has_hub;
	unsigned n_idle, n_failed;
	struct test_worker workers[N_WORKERS];
};

static void on_idle(struct hub *hub)
{
	container_of(hub, struct world, hub)->n_idle++;
}

static void on_failed(struct hub *hub, int error)
{
	cr_assert_eq(error, -ENOMEM);
	container_of(hub, struct world, hub)->n_failed++;
}

static const struct hub_ops hub_ops = { on_idle, on_failed };

static void on_arrived(void *arg, weir_str scope, weir_str name, bool is_binary, weir_str bytes)
{
	struct test_worker *w = arg;
	size_t len = strlen(w->got);

	w->n_got++;
	if (bytes.len < 32)
		(void)snprintf(w->got + len, sizeof(w->got) - len, "%.*s:%.*s=%.*s%s ",
			       WEIR_ARG(scope), WEIR_ARG(name), WEIR_ARG(bytes),
			       is_binary ? "(binary)" : "");
}

static void on_lost(void *arg, uint64_t n)
{
	((struct test_worker *)arg)->n_lost += n;
}

static void want(struct test_worker *w, const char *name, bool is_wanted)
{
	weir_str s = weir_strz(name);
	bool is_prefix = s.len > 0 && s.ptr[s.len - 1] == '*';

	s.len -= is_prefix;
	hub_link_want(&w->link, WEIR_STR("s"), s, is_prefix, is_wanted);
}

static void on_connected(void *arg, struct hub_link *link)
{
	struct test_worker *w = arg;

	w->n_asked++;
	for (size_t i = 0; i < ARRAY_LEN(w->wanted); i++) {
		if (w->wanted[i][0])
			want(w, w->wanted[i], true);
	}
}

static const struct hub_link_ops link_ops = { on_arrived, on_lost, on_connected };

static void start_hub(struct world *w)
{
	cr_assert_eq(hub_init(&w->hub, w->loop, &w->log, N_WORKERS, MAX_BYTES, &hub_ops), 0);
	w->has_hub = true;
}

static void stop_hub(struct world *w)
{
	if (w->has_hub)
		hub_done(&w->hub);
	w->has_hub = false;
}

static void introduce(struct world *w, unsigned slot)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	hub_connect(&w->hub, slot, fds[0]);
	hub_link_connect(&w->workers[slot].link, fds[1]);
}

static void begin(struct world *w)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_INFO);
	w->log.has_time = false;
	for (unsigned i = 0; i < N_WORKERS; i++) {
		w->workers[i].world = w;
		hub_link_init(&w->workers[i].link, w->loop, &w->log, MAX_BYTES, &link_ops,
			      &w->workers[i]);
	}
	start_hub(w);
}

static void turns(struct world *w)
{
	for (unsigned i = 0; i < 50; i++)
		loop_turn(w->loop, false);
}

/* With all workers, each of which wants this. */
static void begin_all(struct world *w, const char *wanted)
{
	begin(w);
	for (unsigned i = 0; i < N_WORKERS; i++) {
		(void)snprintf(w->workers[i].wanted[0], sizeof(w->workers[i].wanted[0]), "%s",
			       wanted);
		introduce(w, i);
	}
	turns(w);
}

static void publish(struct world *w, unsigned slot, const char *name, const char *bytes)
{
	cr_assert_eq(hub_link_publish(&w->workers[slot].link, WEIR_STR("s"), weir_strz(name), false,
				      weir_strz(bytes)),
		     0);
}

/* What was said since the last time. */
static const char *said(struct world *w)
{
	ssize_t n = read(w->log_fd, w->said, sizeof(w->said) - 1);

	w->said[n > 0 ? n : 0] = '\0';
	return w->said;
}

static void done(struct world *w)
{
	for (unsigned i = 0; i < N_WORKERS; i++)
		hub_link_done(&w->workers[i].link);
	stop_hub(w);
	w->loop = loop_free(w->loop);
	(void)close(w->log.fd);
	(void)close(w->log_fd);
}

#endif
