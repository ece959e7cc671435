#ifndef WEIR_SERVE_EXCHANGE_H
#define WEIR_SERVE_EXCHANGE_H
/*
 * exchange.h - one request and its response, whatever the protocol. Above it
 * nobody can tell HTTP/1 from a test; below it nobody can tell a handler from
 * an error page.
 *
 *	    application                  struct exchange_up, filled by app/
 *	up:   start  readable  writable  gone
 *	    ─────────────── struct exchange ───────────────
 *	down: pace  head  interim  piece  file  end  next  upgrade  abort  finish
 *	    connection                   struct exchange_down, filled by h1_answer
 *
 * The request body is pulled: exchange_next() gives the next piece or says
 * -EAGAIN, and then readable() is called once there is one. So no call from
 * below ever arrives in the middle of a call from above, but for start(), in
 * which the whole exchange may happen.
 *
 * Life: the connection makes it and calls start(). It lives until the
 * application calls exchange_finish(), even if the client goes away before:
 * then gone() is called, once, and every call down answers -EPIPE.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <weir/base.h>

#include "base/arena.h"
#include "base/fault.h"
#include "proto/h1_read.h"
#include "proto/uri.h"

struct access_log_line;
struct exchange;
struct exchange_log_rule;
struct block;
struct pace;
struct tally;
struct tunnel;

struct exchange_up {
	/* A request: head, uri and so on are filled in. */
	void (*start)(struct exchange *ex);
	/* exchange_next() said -EAGAIN before and has something else to say now. */
	void (*readable)(struct exchange *ex);
	/* exchange_piece() took less than it was given before and has room now. */
	void (*writable)(struct exchange *ex);
	/* The client is gone; nobody reads what is sent from now on. */
	void (*gone)(struct exchange *ex);
	/* For the log, when it has ended: adds what only the application knows. NULL: nothing. */
	void (*describe)(const struct exchange *ex, struct access_log_line *line);
};

struct exchange_down {
	int (*interim)(struct exchange *ex, int status, const weir_header *fields, size_t n_fields);
	/*
	 * With ex->status and ex->type. body: all of it, if it is small and here already, and then
	 * no end() follows; else empty.
	 */
	int (*head)(struct exchange *ex, int64_t content_length, const weir_header *fields,
		    size_t n_fields, weir_str body);
	ssize_t (*piece)(struct exchange *ex, weir_str bytes);
	int (*file)(struct exchange *ex, int fd, uint64_t offset, uint64_t len);
	int (*end)(struct exchange *ex, const weir_header *trailers, size_t n_trailers);
	int (*next)(struct exchange *ex, weir_str *ret_piece);
	int (*upgrade)(struct exchange *ex, const weir_header *fields, size_t n_fields,
		       struct tunnel **ret_tunnel);
	void (*abort)(struct exchange *ex);
	void (*pace)(struct exchange *ex, struct pace *pace);
	/* The same, but that head() adds ex->added; NULL: it does already. */
	const struct exchange_down *adding;
};

/* For logs and counts: the client left before there was an answer, as nginx has it. */
#define EXCHANGE_STATUS_LEFT 499

/* How far the response is. Each call down asserts its step. */
enum exchange_phase {
	EXCHANGE_WAITING, /* no byte of a final response yet */
	EXCHANGE_STARTED, /* the head is out */
	EXCHANGE_ENDED,	  /* the last piece, or what stands for it, is out */
	EXCHANGE_ABORTED, /* cut short, or the client is gone: nothing more can be sent */
};

/* What a client that half-closes its connection means by it. */
enum half_close {
	HALF_CLOSE_CANCEL, /* it has gone away: cancel what it asked for */
	HALF_CLOSE_FINISH, /* it only has nothing more to say */
};

struct exchange {
	/* filled by the connection before start(), read-only above */
	struct h1_head head;
	struct uri uri;
	weir_str client;     /* "192.0.2.7:51234" */
	weir_str server;     /* "192.0.2.1:80" */
	weir_str scheme;     /* "http", "https" */
	const weir_tls *tls; /* borrowed; NULL: the connection has none */
	bool is_trusted;     /* its peer is a proxy of ours: see trust.h */
	int64_t started_ms;
	uint64_t came; /* ticks: when its bytes were seen; only for who wants phases in the log */
	uint64_t started; /* ticks, if anybody measures */

	/* the request's memory: everything that lives as long as the exchange */
	struct arena arena;
	struct budget budget;

	/* set by the application while it handles start() */
	void *owner;				  /* its own, opaque */
	uint64_t max_body;			  /* beyond it exchange_next() says -EMSGSIZE */
	enum half_close half_close;		  /* see above */
	bool is_logged;				  /* one line in the access log at the end */
	const struct exchange_log_rule *log_rule; /* borrowed: whether that; NULL: always */
	struct tally *tally; /* borrowed: where it is counted at the end; NULL: nowhere */

	/* filled by the connection at the body's end, in the request's memory */
	const weir_header *trailers;
	size_t n_trailers;

	/* kept by exchange.c */
	bool is_bodiless; /* HEAD, 204, 304: pieces are counted and thrown away */
	enum fault fault; /* why the connection refused the head or the body, if it did */
	enum exchange_phase phase;
	int status;	   /* of the final response, once started */
	weir_header added; /* see exchange_add_field() */
	weir_str type;	   /* its Content-Type, if it is not among its fields; else ptr NULL */
	uint64_t sent;	   /* bytes of response body so far */
	uint64_t received; /* bytes of the request's body, once it has ended */
	int64_t promised;  /* content-length of the response; -1 when there is none */

	const struct exchange_down *down; /* borrowed; NULL once the client is gone */
	void *conn;			  /* the connection's, opaque */
	struct block *pinned;		  /* owned: the bytes that head points into */
	struct block *held;		  /* owned: the last piece's bytes, if the client left */

	/* set once by whoever made it, and the same for all its lives in the pool */
	const struct exchange_up *up; /* borrowed */
	void *up_arg;		      /* borrowed: the application's world */
	/* Takes the exchange back, client gone or not. */
	void (*finish)(struct exchange *ex);
	/* Whose connections all this is the same for: a server's, or with TLS one alone. NULL at first. */
	void *maker;
	struct exchange *next_unused;
};

/* For connections. */
struct exchange_pool {
	struct exchange *unused; /* owned; the one released last is first */
	unsigned n_unused;
	unsigned n_live;
	size_t memory_limit; /* of one exchange's arena: option request_memory */
};
void exchange_pool_init(struct exchange_pool *pool, size_t memory_limit);
void exchange_pool_done(struct exchange_pool *pool);
/*
 * Memory is ready, nothing is answered yet; head, uri, names and conn are the connection's to fill.
 * What was the same for all its lives is so only for the same maker.
 */
static inline struct exchange *exchange_new(struct exchange_pool *pool);
/* Only when finished and detached. */
static inline void exchange_release(struct exchange_pool *pool, struct exchange *ex);
/* The client is gone. What the head and the names point to must stay until finish(). */
void exchange_detach(struct exchange *ex);

/* For the application. None of these suspends. */

/* In start(): what the client is given time for, instead of what everybody is. Borrowed, for long. */
void exchange_set_pace(struct exchange *ex, struct pace *pace);
/* In start(): a field that the final response gets unless the application sets it; its bytes are borrowed. */
void exchange_add_field(struct exchange *ex, const weir_header *field);
/* 1xx but 101. -EAGAIN: call again after writable(). -EPROTO once the final head is out. */
MUST_USE int exchange_interim(struct exchange *ex, int status, const weir_header *fields,
			      size_t n_fields);
/*
 * The final head. content_length is a promise that exchange_end() checks; when
 * it is -1 the body is chunked, or ended by the connection's end on HTTP/1.0.
 * fields hold no framing and were checked (http_field_check()).
 */
MUST_USE int exchange_head(struct exchange *ex, int status, int64_t content_length,
			   const weir_header *fields, size_t n_fields);
/*
 * How many bytes were taken, copied: up to the high-water mark. Less than given
 * means: wait for writable(). -EPIPE when the client is gone, -EMSGSIZE beyond
 * the promised length.
 */
MUST_USE ssize_t exchange_piece(struct exchange *ex, weir_str bytes);
/*
 * Part of a file, not copied. 0: nothing is left to wait for; 1: queued, fd is
 * borrowed until writable() or abort(); -EAGAIN: call again after writable(); else as
 * exchange_piece(). A file shorter than that cuts the response.
 */
MUST_USE int exchange_file(struct exchange *ex, int fd, uint64_t offset, uint64_t len);
/*
 * Head, body and end in one call, for a body that is as long as content_length
 * says and small: EXCHANGE_SMALL bytes at the most. 0, or why nothing was sent.
 * type: the Content-Type, which nearly every answer has, and many no other
 * field; ptr NULL: none, or it is among the fields.
 */
#define EXCHANGE_SMALL ((size_t)8192)
MUST_USE int exchange_respond(struct exchange *ex, int status, weir_str type,
			      const weir_header *fields, size_t n_fields, weir_str body);
/* -EPROTO when less was sent than promised: the response is then cut. -EAGAIN: after writable(). */
MUST_USE int exchange_end(struct exchange *ex, const weir_header *trailers, size_t n_trailers);
/*
 * 1 and the next piece of the request body, valid until the next call; 0 at its
 * end; -EAGAIN: readable() will be called; -EMSGSIZE beyond max_body; -EBADMSG
 * for a body that is malformed or was cut short (ex->fault says which); -EPIPE.
 */
MUST_USE int exchange_next(struct exchange *ex, weir_str *ret_piece);
/*
 * Answers 101, with fields that name the protocol: the connection is the
 * tunnel's from then on (tunnel.h), and the exchange has ended, though it stays
 * until exchange_finish(). -EPIPE, -EPROTO once a head is out, -ENOMEM.
 */
MUST_USE int exchange_upgrade(struct exchange *ex, const weir_header *fields, size_t n_fields,
			      struct tunnel **ret_tunnel);
/* Cuts a response short, so that the client can tell. So does a call above that fails half-way. */
void exchange_abort(struct exchange *ex);
/* The application is done with it. The exchange may be gone when this returns. */
static inline void exchange_finish(struct exchange *ex)
{
	ex->finish(ex);
}

static inline bool exchange_is_gone(const struct exchange *ex)
{
	return !ex->down;
}

/* Is the body too large by its own words? Asking for it would say -EMSGSIZE. */
static inline bool exchange_is_too_large(const struct exchange *ex)
{
	return ex->head.content_length > 0 && (uint64_t)ex->head.content_length > ex->max_body;
}

/* More than that in a pool go back to malloc. */
#define EXCHANGE_MAX_UNUSED 1024

/* One more in an empty pool. -ENOMEM. */
MUST_USE int exchange_pool_grow(struct exchange_pool *pool);
void exchange_free(struct exchange *ex);

static inline struct exchange *exchange_new(struct exchange_pool *pool)
{
	struct exchange *ex;

	if (!pool->unused && exchange_pool_grow(pool) < 0)
		return NULL;
	ex = pool->unused;
	pool->unused = ex->next_unused;
	pool->n_unused--;
	pool->n_live++;

	ex->budget.limit = pool->memory_limit;
	ex->budget.is_short = false;
	ex->owner = NULL;
	ex->max_body = UINT64_MAX;
	ex->half_close = HALF_CLOSE_CANCEL;
	ex->is_logged = true;
	ex->n_trailers = 0;
	ex->is_bodiless = false;
	ex->fault = FAULT_NONE;
	ex->phase = EXCHANGE_WAITING;
	ex->status = 0;
	ex->sent = 0;
	ex->promised = -1;
	return ex;
}

static inline void exchange_release(struct exchange_pool *pool, struct exchange *ex)
{
	assert(!ex->pinned && !ex->held);
	assert(pool->n_live > 0);
	pool->n_live--;
	if (pool->n_unused >= EXCHANGE_MAX_UNUSED) {
		exchange_free(ex);
		return;
	}
	arena_reset(&ex->arena);
	ex->next_unused = pool->unused;
	pool->unused = ex;
	pool->n_unused++;
}

#endif
