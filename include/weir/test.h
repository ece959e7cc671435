#ifndef WEIR_TEST_H
#define WEIR_TEST_H
/*
 * weir/test.h - calling a handler without a server, in virtual time.
 *
 *	const weir_reply *r = weir_test_call(echo, .method = "POST",
 *		.path = "/echo", .body = WEIR_STR("{}"));
 *	cr_assert(r->status == 200);
 *
 * The handler runs as it would in a worker, as a task of its own, with all of
 * weir/http.h and weir/coro.h, but its clock is virtual: a weir_sleep() of an
 * hour takes no time, and the same test takes the same course each time. A
 * client waits for a day, of virtual time, and then leaves, unless
 * disconnect_after_ms says otherwise. Not for use inside a handler, nor by two
 * threads.
 *
 * Jobs (weir/job.h) need .module, which names them, and run in the test's own process; one that
 * crashes takes the test along. As many run at once as are started, in any pool. It takes them no
 * time, but that each thousand calls of weir_work_unwanted() take a millisecond; and each report is
 * read by a handler that waits for it. So a handler's deadline, and a client that leaves, meet a
 * job that asks whether it is wanted; one that neither asks nor returns hangs the test. They have 1
 * MiB of stack, and 16 MiB are max_result.
 */
#include <weir/module.h>
#include <weir/reply.h>
#include <weir/ws.h>
WEIR_BEGIN

/* What is left out is zero, and zero is the default. */
typedef struct weir_test_opts {
	size_t size;
	const char *method;	    /* NULL: GET */
	const char *path;	    /* as sent, with the query: "/users/7?full=1"; NULL: "/" */
	const char *route;	    /* "/users/{id}": gives weir_param its values */
	const weir_module *module;  /* runs its startup() first and its shutdown() afterwards */
	const weir_header *headers; /* names in lower case; Host is added if missing */
	size_t n_headers;
	weir_str body;
	int64_t disconnect_after_ms; /* the client leaves then, in virtual time; 0: never */
	size_t fail_alloc_at;	     /* the n-th allocation of request memory fails; 0: none */
	const weir_ws_handlers *ws;  /* of weir_test_ws_open() with a handler NULL */
} weir_test_opts;

/*
 * What a client would have got, with these additions: status is 499 if the
 * handler was cancelled before it answered, and 0 if the call itself could not
 * be made (no memory, a malformed path, a startup() that failed); body then
 * says why. What the handler logs goes to stderr.
 *
 * Never NULL. The reply lives until the next weir_test_ call.
 */
#define weir_test_call(handler, ...)   \
	weir_test_call_with((handler), \
			    &(weir_test_opts){ .size = sizeof(weir_test_opts), __VA_ARGS__ })
WEIR_API const weir_reply *weir_test_call_with(weir_handler *handler, const weir_test_opts *opts);

/*
 * A WebSocket handler, or functions for messages (opts.ws), against a script: what
 * the client sends, and what comes back.
 *
 *	weir_test_ws *t = weir_test_ws_open(echo, &(weir_test_opts){
 *		.size = sizeof(weir_test_opts), .path = "/echo" });
 *	weir_str message;
 *
 *	cr_assert(weir_test_ws_reply(t)->status == 101);
 *	cr_assert(weir_test_ws_send(t, WEIR_STR("hello")) == 0);
 *	cr_assert(weir_test_ws_recv(t, &message) == 1);
 *	cr_assert(weir_str_eq(message, WEIR_STR("hello")));
 *	cr_assert(weir_test_ws_close(t) == 1000);
 *
 * The client takes whatever comes, at once, and answers pings and a close frame
 * by itself; it does not offer compression. With a subprotocol or an origin in opts.headers
 * the handshake has them. What the handler publishes reaches its own subscriptions.
 * One session at a time, and no weir_test_call() before it is closed. All of
 * these take a NULL session.
 */
typedef struct weir_test_ws weir_test_ws;

/* Until it is accepted, or answered otherwise. NULL: no memory. */
WEIR_API weir_test_ws *weir_test_ws_open(weir_handler *handler, const weir_test_opts *opts);
/* What the handshake was answered with, as from weir_test_call(): 101 if it was accepted. */
WEIR_API const weir_reply *weir_test_ws_reply(const weir_test_ws *t);
/*
 * A whole message, and what the handler does with it while the clock stands
 * still. -EPIPE: the session is closed, or never was one; -ENOMEM.
 */
WEIR_API WEIR_MUST_USE int weir_test_ws_send(weir_test_ws *t, weir_str text);
WEIR_API WEIR_MUST_USE int weir_test_ws_send_binary(weir_test_ws *t, weir_str bytes);
/*
 * 1 and the next message, valid until the next call; 0: the handler's side has closed
 * the session; -EPIPE: it was cut off, the client has left, or it never was one. Time
 * goes on until there is one of these; -ETIMEDOUT after a day.
 */
WEIR_API WEIR_MUST_USE int weir_test_ws_recv(weir_test_ws *t, weir_str *ret_message);
WEIR_API bool weir_test_ws_is_text(const weir_test_ws *t); /* the last message; else binary */
/*
 * The client closes the session with 1000, if it is still open; then the handler
 * is waited for, for a day until the client leaves and one more, and shutdown() runs. Returns the
 * code that the client was closed with: 1005 for none; 1006: it was cut off, or
 * has left; 0: it never was a session. -ETIMEDOUT: something never ends. t and its reply are gone.
 */
WEIR_API int weir_test_ws_close(weir_test_ws *t);

WEIR_END
#endif
