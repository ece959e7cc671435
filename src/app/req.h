#ifndef WEIR_APP_REQ_H
#define WEIR_APP_REQ_H
/*
 * req.h - the one place where exchanges and coroutines meet. A struct req is a
 * handler's weir_req: the public part first, then what carries it. It lives in
 * the exchange's arena, or, for a background task, in one of its own.
 *
 * What a running handler does to its exchange is in app/req_io.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/http.h>

#include "app/router.h"
#include "app/site.h"
#include "base/arena.h"
#include "base/buf.h"
#include "coro/mutex.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "coro/wait.h"
#include "proto/traceparent.h"
#include "serve/exchange.h"

struct gzip_state;
struct route;
struct weir_job;
struct weir_sse;
struct weir_sub;
struct ws_offer;

/* A list of fields that a handler puts together. */
struct req_fields {
	weir_header *items; /* in request memory */
	size_t n, cap;
};

struct req {
	struct weir_req pub; /* first: a weir_req is the start of a struct req */
	struct weir_scope scope;
	struct site *site;	   /* borrowed */
	struct weir_app *app;	   /* borrowed; NULL without a module */
	const struct route *route; /* borrowed; NULL in a background task */
	const char *name;	   /* of the handler, for logs; borrowed */

	struct exchange *ex; /* borrowed until finish; NULL in a background task */
	struct arena *arena; /* borrowed: the exchange's, or own_arena */
	struct task_spec spec;
	struct list link;	  /* among the site's running, once it has suspended */
	struct req_fields fields; /* for the response */
	int64_t content_length;	  /* that the handler promised; -1 */
	struct gzip_state *gzip;  /* in request memory; only where the route has layers */
	char id[SITE_ID_LEN];

	/* nothing at the start of every request */
	struct task *task; /* once it has suspended, until it has ended */
	struct wait readable, writable;
	struct mutex sending; /* several tasks may send: whole calls, in call order */
	struct buf body;      /* owned: what weir_body() put together */
	weir_str fail_words;  /* weir_fail()'s, in request memory */
	bool is_receiving;    /* a task is in req_next() */
	bool has_body_ended;
	bool has_last_event; /* the same, as the handler behind middleware sees it */

	uint64_t job_ticks, write_ticks; /* that its tasks have waited, if anybody measures */

	char *trace; /* TRACEPARENT_LEN bytes in request memory; NULL: none has come, nor was asked for */
	struct ws_offer *offer; /* borrowed: of a WebSocket request; see ws.h */
	struct weir_sub *subs;	/* owned: subscriptions that end with it; see pubsub.c */
	struct weir_job *jobs;	/* owned: those that end with it; see job.c */
	char *job_words;	/* in request memory: room for words about one of them; see job.c */
	struct weir_sse *sse;	/* owned: its answer is one; see sse.c */

	/* a background task's, and a session's */
	struct arena own_arena;
	struct budget own_budget;
	void (*ended)(struct req *req, int result);
	void *ended_arg;
	int (*task_fn)(weir_req *req, void *arg);
	void *task_arg;

	struct router_match match; /* last: a session has it only as long as it needs */
};

static inline struct req *req_of(const weir_req *pub)
{
	return (struct req *)(uintptr_t)pub;
}

/* struct exchange_up's start: finds the route, and runs its handler or answers itself. */
void req_start(struct exchange *ex);
/* The same, where routes name hosts. */
void req_start_by_host(struct exchange *ex);
void req_readable(struct exchange *ex);
void req_writable(struct exchange *ex);
void req_gone(struct exchange *ex);
void req_describe(const struct exchange *ex, struct access_log_line *line);

/* As wait_park(), and the time is added to *ticks. */
MUST_USE int req_park(const struct site *site, struct wait *wait, uint64_t *ticks);

/*
 * A request that no client made: scope->type is WEIR_SCOPE_TASK. fn runs as a
 * root task; ended() is called on the loop's stack with what it returned, and
 * must call req_free_task(). -ENOMEM. name is borrowed.
 */
MUST_USE int req_new_task(struct site *site, struct weir_app *app, const char *name,
			  int (*fn)(weir_req *req, void *arg), void *arg,
			  void (*ended)(struct req *req, int result), void *ended_arg,
			  struct req **ret_req);
/* Runs it; it may have ended when this returns. -ENOMEM: ended() is not called. */
MUST_USE int req_start_task(struct req *req);
struct req *req_free_task(struct req *req);

/* What every kind of request has, but for most of the scope, and the match. */
void req_init(struct req *req, struct site *site, struct weir_app *app, const char *name);
void req_fill_scope(weir_scope *scope, const struct exchange *ex);
/* Runs spec.fn: at once, until it suspends. -ENOMEM: nothing has run. */
MUST_USE int req_run(struct req *req);
/* The handler has returned: what it left open of its answer gets its end. */
void req_conclude(struct req *req, int result);
/* what: what it did, with an answer of that status. */
void req_log_failure(const struct req *req, int error, int status, const char *what);
/* Answers instead of any handler, for what the client did, and finishes the exchange. */
void req_refuse_for(struct exchange *ex, const char *name, enum fault fault,
		    const weir_header *fields, size_t n_fields);

/* Keeps words for the log; returns error. */
int req_fail(struct req *req, int error, weir_str words);

/* A field for the response: -ENOMEM. name and value are borrowed for the request's life. */
MUST_USE int req_fields_add(struct req *req, struct req_fields *fields, weir_str name,
			    weir_str value);

#endif
