#ifndef WEIR_APP_SITE_H
#define WEIR_APP_SITE_H
/*
 * site.h - what one worker serves: routes bound to handlers, and what a
 * request needs to run. It knows no connection: exchanges come from a server
 * or from a test.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/http.h>

#include "app/https.h"
#include "app/router.h"
#include "base/list.h"
#include "serve/exchange.h"
#include "serve/exchange_log.h"
#include "serve/pace.h"
#include "serve/ws_policy.h"

struct builtin_settings;
struct gzip;
struct hosts;
struct access_log;
struct job_carrier;
struct log;
struct loop;
struct ratelimit;
struct ratelimit_rule;
struct metrics;
struct metrics_memory;
struct metrics_view;
struct sched;
struct tally;
struct ticks;
struct topics;
struct weir_app;
struct weir_ws_handlers;
struct ws_turn;

#define SITE_ID_LEN 16

/* One route, bound. Filled by the owner, kept by the site. */
struct route {
	const char *name; /* "shop.user", for logs; borrowed, and so path: "/users/{id}", or NULL */
	const char *path;
	weir_handler *fn;
	struct weir_app *app;		   /* borrowed; NULL in a test without a module */
	struct builtin_settings *settings; /* owned by the owner: see builtin.h; NULL: none */
	uint32_t flags;			   /* WEIR_FINISH_ANYWAY */
	struct gzip *gzip;		   /* owned by the owner: the first layer; NULL: none */
	const weir_str *gzip_types;	   /* its own, owned by the owner; NULL: the usual ones */
	const struct weir_io *io;	   /* the layer next to the handler; NULL: none */
	uint64_t max_body;
	uint64_t request_memory;
	enum half_close half_close;
	struct pace_limits pace_limits;
	struct pace *pace; /* borrowed: the server's, with these limits; NULL: as everybody */
	bool is_logged;
	bool has_rules; /* one of the next three has something to say */
	bool is_closed; /* its handler crashes too often: requests are answered 503 */
	struct exchange_log_rule log_rule; /* which of its requests */
	struct tally *tally; /* borrowed: where its requests are counted; NULL: nowhere */
	struct https_rules https;
	const struct ratelimit_rule *rate; /* borrowed; NULL: none */

	/* of a WebSocket route */
	bool is_websocket;
	bool is_page_too; /* requests that ask for no session are for fn as well */
	struct ws_limits ws_limits;
	struct ws_policy *ws; /* borrowed: with these limits; NULL: it is none */
	const struct weir_ws_handlers *ws_handlers; /* borrowed; NULL: fn serves a whole session */
	const weir_str *origins;		    /* borrowed; none: the server's own */
	size_t n_origins;

	uint32_t number; /* among the routes, for last_route */
	uint32_t index;	 /* in the binding: the same in all workers */
};

/* Where the numbers of all processes are, and those that are only looked up when they are asked for. */
struct site_metrics {
	const struct metrics_memory *memory; /* borrowed */
	/*
	 * NULL: brings this process's numbers up to date. Else adds those that lie elsewhere, and
	 * are only looked up when somebody asks. -ENOMEM.
	 */
	int (*collect)(void *arg, struct metrics_view *view);
	void *arg;
};

/* Whose word about a request's ids is taken: option take_ids. */
enum site_ids {
	SITE_IDS_MADE, /* nobody's */
	SITE_IDS_OF_PROXIES,
	SITE_IDS_OF_ALL,
};

/* What weir.status shows. */
struct site_status {
	/*
	 * All of it, as JSON, at most a second old; valid until the next call. On the loop's
	 * stack. -ENOMEM.
	 */
	int (*look)(void *arg, weir_str *ret_json);
	void *arg;
};

struct site {
	struct loop *loop;	   /* borrowed */
	struct sched *sched;	   /* borrowed */
	const struct log *log;	   /* borrowed */
	struct router *router;	   /* borrowed; its targets are struct route */
	const struct hosts *hosts; /* borrowed; with site_hosts_up instead of router; else NULL */
	const struct ratelimit *rates;	    /* borrowed; NULL: nothing is limited */
	const struct ratelimit_rule *stray; /* borrowed: of requests without a route; NULL: none */
	bool is_draining;
	bool is_cancelled;	   /* site_cancel() was called */
	size_t task_memory;	   /* of a background task, in bytes */
	uint64_t id_seed;	   /* random: workers' ids differ */
	char last_id[SITE_ID_LEN]; /* of a request; all zeros before the first */

	struct list running; /* requests whose handler has suspended */
	struct list streams; /* of server-sent events; see sse.c */

	struct topics *topics; /* borrowed; NULL: nothing can be published */
	size_t max_publication;
	struct job_carrier *jobs; /* borrowed; NULL: none can be started */
	uint64_t max_job_payload; /* of an input or a result; 0: no limit */
	struct list
		lone_jobs;   /* whose request has ended, and which go on to their end; see job.c */
	unsigned n_sessions; /* WebSockets whose handler, or memory, is still there */
	struct ws_turn *unused_turns; /* owned; see ws_turns.c */
	unsigned n_unused_turns;
	/* The last of these jobs, or sessions, has gone while draining. NULL: nobody waits for that. */
	void (*quiet)(struct site *site);

	/* The number of the route whose handler was started last: somebody may read it after a crash. */
	uint32_t *last_route; /* borrowed; at first no_route */
	uint32_t no_route;

	enum site_ids ids;
	bool logs_ids;		       /* lines of handlers end with their request's */
	struct access_log *access_log; /* borrowed: for sessions that end; NULL: none is kept */
	const struct ticks *ticks;     /* borrowed: for the log's phases; NULL: nobody wants them */
	struct metrics *metrics;       /* borrowed: for the modules' own; NULL: nobody counts */
	/* What GET /metrics shows; NULL: nothing. */
	const struct site_metrics *shown; /* borrowed */
	const struct site_status *status; /* borrowed; NULL: nothing is there to be shown */
	struct https_rules https; /* of answers without a route: only what browsers are told */

	uint64_t n_failed; /* handlers that ended in a 5xx or broke off */
};

void site_init(struct site *site, struct loop *loop, struct sched *sched, const struct log *log,
	       struct router *router);

/* All requests and sessions have ended. */
void site_done(struct site *site);

/* A session begins, or is all over. */
void site_session_came(struct site *site);
void site_session_gone(struct site *site);

/* Nothing of it goes on that no connection knows of: sessions that were, jobs that are to finish. */
bool site_is_quiet(const struct site *site);
/* Something has ended: tells who waits, if it has become quiet. */
void site_note_quiet(struct site *site);

/* It begins to end: who waits for nothing in particular is told. */
void site_drain(struct site *site);
/* The same in parts: first nobody is told; then one of so many equal parts of the streams of events is cancelled. */
void site_drain_gently(struct site *site);
void site_drain_part(struct site *site, unsigned parts);
/* The grace is over: every handler that still runs is cancelled, shielded or not, close() of sessions, and jobs. */
void site_cancel(struct site *site);

/* For a server: up_arg is the site. */
extern const struct exchange_up site_up;
/* The same, where routes name hosts: site->hosts. */
extern const struct exchange_up site_hosts_up;

#endif
