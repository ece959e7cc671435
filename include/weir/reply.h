#ifndef WEIR_REPLY_H
#define WEIR_REPLY_H
/*
 * weir/reply.h - an HTTP answer as its receiver sees it: what a test of a
 * handler looks at.
 *
 *	const weir_reply *r = weir_test_call(hello, .path = "/hello");
 *
 *	cr_assert(r->status == 200);
 *	cr_assert(weir_str_eq(weir_reply_header(r, "content-type"), WEIR_STR("text/plain")));
 *
 * The names of headers are lower case. A header that was sent twice is there
 * twice, in the order it was sent.
 */
#include <weir/base.h>
WEIR_BEGIN

/* Made by the server, never by you. Grows at the end. */
typedef struct weir_reply {
	int status;
	const weir_header *headers;
	size_t n_headers;
	weir_str body;
	bool is_cut; /* it broke off before its end */
} weir_reply;

/* The first of that name (lower case); nothing (ptr NULL) when there is none. */
static inline weir_str weir_reply_header(const weir_reply *reply, const char *name)
{
	weir_str wanted = weir_strz(name), nothing = { NULL, 0 };

	for (size_t i = 0; i < reply->n_headers; i++) {
		if (weir_str_eq(reply->headers[i].name, wanted))
			return reply->headers[i].value;
	}
	return nothing;
}

WEIR_END
#endif
