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
 */
#include <weir/module.h>
#include <weir/reply.h>
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

WEIR_END
#endif
