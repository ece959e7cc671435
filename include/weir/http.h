#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H
/*
 * weir/http.h - reading a request, writing its response.
 *
 *	static int greet(weir_req *req)
 *	{
 *		weir_str name = weir_query_get(req, "name"), body;
 *		int r;
 *
 *		r = weir_body(req, 4096, &body);
 *		if (r < 0)
 *			return r;	<- -EMSGSIZE, say, which the client sees as 413
 *		if (name.len == 0)
 *			return WEIR_STATUS(400);
 *		return weir_respond(req, 200, "text/plain",
 *				    weir_printf(req, "%.*s sent %zu bytes\n", WEIR_ARG(name),
 *						body.len));
 *	}
 *
 * A handler returns 0 when it is done, WEIR_STATUS(404) for an error page of
 * its choice, or a negative errno. Before the response has started an errno
 * becomes 413 for -EMSGSIZE, 400 for -EBADMSG, 504 for -ETIMEDOUT, 503 for
 * -EAGAIN and 500 for the rest: only what the client did may look like the
 * client's fault. After it has started, an error cuts the response short so
 * that the client can tell; 0 ends it properly.
 *
 * If the client goes away the handler is cancelled. Work that must not be
 * torn in two goes into weir_shielded().
 *
 * Request memory pays for what the handler allocates, until the request ends.
 * Bodies, messages, replies and results have limits of their own (max_body,
 * max_message, max_reply, max_result). In the loop of a long session use
 * WEIR_SCRATCH.
 *
 * When weir_respond, weir_write or weir_ws_send returns, the bytes are sent or
 * copied: your memory is yours again.
 */
#include <weir/asgi.h>
#include <weir/coro.h>
WEIR_BEGIN

typedef int weir_handler(weir_req *req);
#define WEIR_STATUS(s) (-(10000 + (s)))

/* Memory that lives as long as the request. NULL (or nothing) when it is full. */
WEIR_API void *weir_alloc(weir_req *req, size_t size);
WEIR_API weir_str weir_copy(weir_req *req, weir_str s);
WEIR_API weir_str weir_printf(weir_req *req, const char *fmt, ...) WEIR_PRINTF(2, 3);

/*
 * Until this block ends, request memory taken by this task, and by tasks
 * spawned inside, comes from a scratch of its own. For the loop of a session
 * that lives for days.
 */
typedef struct weir_scratch {
	void *_private[2];
} weir_scratch;
#define WEIR_SCRATCH(req)                              \
	weir_scratch WEIR_CAT(weir_scratch_, __LINE__) \
		__attribute__((cleanup(weir_scratch_leave), unused)) = weir_scratch_enter(req)
WEIR_API weir_scratch weir_scratch_enter(weir_req *req);
WEIR_API void weir_scratch_leave(weir_scratch *s);

/*
 * For requests that this one makes of others: a traceparent (W3C Trace Context) in the trace that
 * this request belongs to, if it came with one from whom the operator trusts (take_ids), else in
 * one of its own, which it keeps. The other name of a request is scope->request_id. ptr NULL:
 * there are no random bytes yet.
 */
WEIR_API weir_str weir_traceparent(weir_req *req);

/* Nothing (ptr NULL) when absent. */
WEIR_API weir_str weir_header_get(const weir_req *req, const char *name);
WEIR_API weir_str weir_query_get(weir_req *req, const char *name); /* decoded */
/* Every pair in turn, decoded: start with *iter = 0; 1, or 0 at the end. */
WEIR_API int weir_query_next(weir_req *req, size_t *iter, weir_str *ret_name, weir_str *ret_value);
WEIR_API weir_str weir_param(const weir_req *req, const char *name); /* {name} in the route */

/* The whole body, in request memory. -EMSGSIZE beyond max. */
WEIR_API WEIR_SUSPENDS int weir_body(weir_req *req, size_t max, weir_str *ret_body);
/* The next piece: 1, or 0 at the end. Valid until the next call. */
WEIR_API WEIR_SUSPENDS int weir_body_next(weir_req *req, weir_str *ret_piece);
/*
 * A trailer field, which a client may send behind a chunked body: nothing when
 * absent, and before the body was read to its end. Kept apart from the headers
 * on purpose: a checksum may come here, but never what says who somebody is.
 */
WEIR_API weir_str weir_trailer_get(const weir_req *req, const char *name);

/*
 * Before the response starts. -EINVAL for bytes a header may not hold, and for
 * connection, transfer-encoding, upgrade. A content-length is a promise: a body
 * of another length breaks the response. set replaces, add adds a line.
 */
WEIR_API int weir_set_header(weir_req *req, const char *name, weir_str value);
WEIR_API int weir_add_header(weir_req *req, const char *name, weir_str value);
/* 103 Early Hints, or another interim response, with headers of its own. */
WEIR_API WEIR_SUSPENDS int weir_interim(weir_req *req, int status, const weir_header *headers,
					size_t n_headers);

/* A complete response. */
WEIR_API WEIR_SUSPENDS int weir_respond(weir_req *req, int status, const char *type, weir_str body);
/* Or in pieces: suspends while the client is slower than we are. */
WEIR_API WEIR_SUSPENDS int weir_start(weir_req *req, int status, const char *type);
WEIR_API WEIR_SUSPENDS int weir_write(weir_req *req, weir_str bytes);
WEIR_API WEIR_SUSPENDS int weir_writef(weir_req *req, const char *fmt, ...) WEIR_PRINTF(2, 3);
WEIR_API WEIR_SUSPENDS int weir_sendfile(weir_req *req, int fd, uint64_t offset, uint64_t len);

/* The worker wants to stop: end at the next good moment. See also drain in module.h. */
WEIR_API bool weir_draining(const weir_req *req);

/*
 * Gives the log its reason and hands the error back:
 *	return weir_fail(req, -EIO, "cart said %d", reply->status);
 * Never shown to the client. Without it the log has the errno name only.
 */
WEIR_API int weir_fail(weir_req *req, int error, const char *fmt, ...) WEIR_PRINTF(3, 4);

enum { WEIR_LOG_ERROR = 3, WEIR_LOG_WARN = 4, WEIR_LOG_INFO = 6, WEIR_LOG_DEBUG = 7 };
WEIR_API void weir_log(const weir_req *req, int level, const char *fmt, ...) WEIR_PRINTF(3, 4);

WEIR_END
#endif
