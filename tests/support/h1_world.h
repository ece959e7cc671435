#ifndef WEIR_TESTS_H1_WORLD_H
#define WEIR_TESTS_H1_WORLD_H
/*
 * h1_world.h - a server on a virtual loop, clients at the other ends of socket
 * pairs, and an application that does what the test says. Nothing waits: the
 * test turns the loop, and moves the clock.
 *
 *	struct h1_world *w = h1_world_new();
 *	struct client *c = client_new(w);
 *
 *	w->start = visit_at_once;
 *	client_send(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
 *	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/a");
 *	h1_world_free(w);	<- fails if a block, an exchange or a connection is left
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/log.h"
#include "io/loop.h"
#include "serve/server.h"

#define H1_WORLD_VISITS 600
#define H1_WORLD_CLIENTS 100

/* One exchange, as the application sees it. */
struct visit {
	struct h1_world *world;
	struct exchange *ex; /* NULL when it was finished */
	unsigned n_readable, n_writable, n_gone;
	struct buf body; /* what visit_pull() got of the request's body */
	int error;	 /* and how that ended; 0: at the body's end */
	size_t to_send;	 /* what visit_pour() has still to send */
	bool is_left;	 /* gone() does not finish it: the test does */
};

struct h1_world {
	struct loop *loop;
	struct log log;
	int log_fd; /* what was logged is read here */
	struct server server;
	unsigned n_drained;
	bool is_closed;

	/* what the application does; any may be replaced */
	void (*start)(struct visit *v);	   /* nothing */
	void (*readable)(struct visit *v); /* visit_pull() */
	void (*writable)(struct visit *v); /* nothing */

	struct visit visits[H1_WORLD_VISITS];
	unsigned n_visits;
	struct client *clients[H1_WORLD_CLIENTS];
	unsigned n_clients;
	char text[65536]; /* of h1_world_log() */
};

/*
 * 16 KiB of high water; 10 s for a head, 20 s between two bytes of a body, 30 s to take an answer,
 * 240 bytes a second for both after 20 s, 75 s between two requests.
 */
struct h1_world *h1_world_new(void);
/* Closes all clients and the server; fails if anything of them is left. */
void h1_world_close(struct h1_world *w);
void h1_world_free(struct h1_world *w);

/* Turns until everything that is here has been handled; the clock stands still. */
void h1_world_settle(struct h1_world *w);
/* Lets time pass. */
void h1_world_pass(struct h1_world *w, int64_t ms);
/* The log so far. */
const char *h1_world_log(struct h1_world *w);

/* ---- what applications do */

void visit_nothing(struct visit *v);
/* 200, the target as its body. */
void visit_at_once(struct visit *v);
/* Reads what there is of the body; at its end answers 200 with it, after an error with its status. */
void visit_pull(struct visit *v);
/* Reads the body to its end, but answers nothing. */
void visit_drink(struct visit *v);
/* Sends to_send bytes, as many as are taken; then ends and finishes. */
void visit_pour(struct visit *v);
/* A whole answer, and the end of the visit. */
void visit_reply(struct visit *v, int status, const char *body);
/* A head without fields; length -1: open. */
void visit_head(struct visit *v, int status, int64_t length);
void visit_piece(struct visit *v, const char *text);
void visit_end(struct visit *v);
void visit_finish(struct visit *v);

/* ---- clients */

struct client {
	struct h1_world *world;
	int fd;
	bool has_ended;	  /* the server's end was read */
	bool was_reset;	  /* or its reset */
	struct buf bytes; /* all that was received */
	char text[200000];
};

/* A socket pair: no network in between, and small buffers. */
struct client *client_new(struct h1_world *w);
/* Each send of the server's is received by itself. */
struct client *client_new_packets(struct h1_world *w);
/* A TCP connection over loopback, where there are resets. */
struct client *client_new_tcp(struct h1_world *w);

/* Sends all and settles. */
void client_send(struct client *c, const char *text);
void client_send_bytes(struct client *c, const void *bytes, size_t len);
/* As much as the kernel takes, without a turn; how much. */
size_t client_push(struct client *c, const void *bytes, size_t len);
/* Settles; all that was received, without Date and Server. Valid until the next call. */
const char *client_text(struct client *c);
/* Reads at most n bytes, and turns nothing. */
size_t client_sip(struct client *c, size_t n);
/* Forgets what was received. */
void client_forget(struct client *c);
/* Has the server closed its side? Settles. */
bool client_is_closed(struct client *c);
/* No more bytes from here (FIN). Settles. */
void client_half_close(struct client *c);
void client_close(struct client *c);
/* With a reset. */
void client_reset(struct client *c);

#endif
