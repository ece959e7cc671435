#ifndef WEIR_APP_HOSTS_H
#define WEIR_APP_HOSTS_H
/*
 * hosts.h - routes of several hosts: a router for each name, and one for routes that
 * name none.
 *
 *	example.org	this name; letter case, a port and a dot at its end do not matter
 *	*.example.org	one label more, as in certificates: not example.org, not a.b.example.org
 *	(none)		any name
 *
 * The first that has the path answers, in this order. Where hosts are named and a
 * request's is none of them, routes without a host answer; if there are none, or are not to,
 * it is misdirected (421).
 */
#include <stdbool.h>
#include <weir/base.h>

#include "app/router.h"
#include "base/macro.h"

struct hosts;

#define HOSTS_MAX_NAME 255

/* NULL without memory. */
struct hosts *hosts_new(void);
struct hosts *hosts_free(struct hosts *hosts);
DEFINE_CLEANUP(struct hosts, hosts_free)

/*
 * A name as an operator may write it, in the one spelling that is compared: lower case, without
 * the dot at its end. -EINVAL, with words for people.
 */
MUST_USE int hosts_spell(weir_str name, char ret_name[HOSTS_MAX_NAME + 1],
			 const char **reterr_words);

/* The router of a name that was spelled, or of routes without one, if it is empty. NULL without memory. */
struct router *hosts_router(struct hosts *hosts, const char *name);
/* Is any host named? Else the router of routes without one is all there is. */
bool hosts_are_named(const struct hosts *hosts);
/* Requests for other names than these are misdirected, though there be routes without a host. */
void hosts_refuse_unknown(struct hosts *hosts);

/* As router_find(). authority: a valid one, or empty. */
enum router_verdict hosts_find(const struct hosts *hosts, weir_str authority,
			       enum http_method method, weir_str path,
			       struct router_match *ret_match);

#endif
