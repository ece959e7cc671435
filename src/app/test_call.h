#ifndef WEIR_APP_TEST_CALL_H
#define WEIR_APP_TEST_CALL_H
/*
 * test_call.h - the world that a handler is tested in, for test_ws.c, which
 * needs it for longer than a call.
 */
#include <weir/test.h>

#include "app/lifespan.h"
#include "app/module.h"
#include "app/router.h"
#include "app/site.h"
#include "app/test_jobs.h"
#include "base/buf.h"
#include "base/log.h"
#include "io/loop.h"
#include "serve/topics.h"

struct tunnel;

/* A client waits so long, in virtual time. */
#define TEST_CALL_PATIENCE_MS ((int64_t)24 * 3600 * 1000)

/* What a test gets; it outlives the call. */
struct test_reply {
	weir_reply pub;
	struct budget budget;
	struct arena arena; /* the headers */
	struct buf body;
};

struct test_call {
	weir_test_opts opts;
	weir_handler *handler;
	struct test_reply *reply; /* borrowed */

	/* Of a WebSocket; else NULL. Its fields are NUL-terminated, and added where the test has none. */
	int (*upgrade)(struct test_call *call, struct tunnel **ret_tunnel);
	const weir_header *own;
	size_t n_own;

	struct loop *loop;
	struct sched *sched;
	struct log log;
	struct router *router;
	struct route route;
	struct site site;
	struct topics topics;
	struct test_jobs jobs;
	struct weir_app *app;
	struct lifespan *lifespan;

	struct exchange_pool exchanges;
	struct exchange *ex; /* NULL before it is made and when it has been finished */
	struct h1_read read;
	struct h1_limits limits;
	struct h1_field_at *fields_at; /* owned */
	struct buf head;
	size_t body_at; /* bytes of opts.body that were read */

	struct timer patience;
	bool is_done;	  /* what is waited for has happened */
	bool is_given_up; /* patience ran out */
	int result;
};

/* NULL: no memory. */
struct test_reply *test_call_reply_new(void);
struct test_reply *test_call_reply_free(struct test_reply *reply);
/* The call could not be made: the reply says why. Returns error. */
int test_call_say_instead(struct test_call *call, int error, const char *words);

/* Nothing has happened yet. NULL: no memory. */
struct test_call *test_call_new(weir_handler *handler, const weir_test_opts *opts,
				struct test_reply *reply);
/* What has not ended (is_given_up) may not be freed. */
struct test_call *test_call_free(struct test_call *call);

/* Makes the world, and runs startup(). */
MUST_USE int test_call_begin(struct test_call *call);
/* The request comes: its handler has run until it first suspended, or has ended. */
MUST_USE int test_call_start(struct test_call *call);
/* Runs shutdown(). */
MUST_USE int test_call_end(struct test_call *call);

#endif
