#ifndef WEIR_APP_ROUTER_H
#define WEIR_APP_ROUTER_H
/*
 * router.h - which route a path belongs to.
 *
 *	/users/new	literal segments; escapes are decoded before they are compared
 *	/users/{id}	{name}: one segment, not empty
 *	/files/{path...}	{name...}, at the end: all that follows the slash, or nothing;
 *			so /files/ matches and /files does not
 *
 * The most specific route wins: segment by segment, literal before {name}
 * before {name...}, going back where a choice leads nowhere. The path alone
 * decides; then the method is looked at. So a path is one resource with one
 * list of methods, and /users/new with GET only answers POST with 405, even if
 * /users/{id} has POST. With these rules no route is hidden behind others: two
 * either have the same shape, which is refused for the same method, or each has
 * paths of its own.
 *
 * The router owns no targets and knows no handlers. Finding allocates nothing.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"
#include "proto/http.h"

struct arena;
struct router;

#define ROUTER_MAX_PARAMS 16

/* Bits of methods are ROUTER_METHOD(HTTP_METHOD_GET) and so on. */
#define ROUTER_METHOD(method) (UINT64_C(1) << (method))
/* Every method but CONNECT, which is not served, and TRACE, which has to be asked for. */
#define ROUTER_ANY_METHOD UINT64_C(0)

struct router_param {
	weir_str name;
	weir_str value; /* as it stands in the path, still encoded: see router_decode() */
};

struct router_match {
	void *target;	/* of the route, when it was found */
	weir_str allow; /* "GET, HEAD, OPTIONS", for 405 and OPTIONS */
	unsigned n_params;
	struct router_param params[ROUTER_MAX_PARAMS]; /* in order; names are the router's */
};

enum router_verdict {
	ROUTER_FOUND,
	ROUTER_NOT_FOUND,   /* 404 */
	ROUTER_NOT_ALLOWED, /* 405 with allow */
	ROUTER_OPTIONS,	    /* OPTIONS, and no route has it: 204 with allow */
	ROUTER_MISDIRECTED, /* 421: of hosts_find() only */
};

/* NULL without memory. */
struct router *router_new(void);
struct router *router_free(struct router *router);
DEFINE_CLEANUP(struct router, router_free)

/*
 * target is borrowed. -EINVAL: the pattern is malformed, and *reterr_words says
 * how; -EEXIST: *reterr_conflict is the target of the route that has this shape
 * and one of these methods; -ENOMEM. The router is as before then.
 */
MUST_USE int router_add(struct router *router, weir_str pattern, uint64_t methods, void *target,
			const char **reterr_words, void **reterr_conflict);

/*
 * path is struct uri's `segments`: normalised, still encoded. HEAD falls back
 * to GET; the path "*" with OPTIONS asks about all routes. Only what the
 * verdict needs is written to ret_match.
 */
enum router_verdict router_find(const struct router *router, enum http_method method, weir_str path,
				struct router_match *ret_match);

/* Decodes the values, each by itself: %2F does not make two. -EPROTO for NUL or bad UTF-8; -ENOMEM. */
MUST_USE int router_decode(struct router_match *match, struct arena *arena,
			   enum fault *reterr_fault);

#endif
