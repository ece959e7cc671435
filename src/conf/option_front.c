/* option_front.c - see option_front.h. */
#include "conf/option_front.h"

#include <assert.h>

#include "conf/conf.h"
#include "conf/option_log.h"
#include "conf/option_units.h"
#include "proto/forwarded.h"

static const struct option_choice forwardeds[] = {
	{ "x-forwarded", FORWARDED_X },
	{ "forwarded", FORWARDED_RFC7239 },
	{ NULL, 0 },
};

static const struct option_choice unknown_hosts[] = {
	{ "serve", CONF_UNKNOWN_HOSTS_SERVE },
	{ "refuse", CONF_UNKNOWN_HOSTS_REFUSE },
	{ NULL, 0 },
};

#define FRONT(field) .place = OPTION_TOP, .offset = offsetof(struct conf, front.field)
#define LISTEN(field) .place = OPTION_LISTEN, .offset = offsetof(struct conf_listen, field)
#define ROUTE(field) .place = OPTION_ROUTE, .offset = offsetof(struct conf_route, field)

const struct option_spec option_front_rows[] = {
	{ .name = "trusted_proxies",
	  FRONT(trusted_proxies),
	  .n_offset = offsetof(struct conf, front.n_trusted_proxies),
	  .type = OPTION_NAMES,
	  .pattern = "^(unix:|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$",
	  .help = "Addresses and networks of proxies whose word about their clients counts, and\n"
		  "\"unix:\" for those who come over a Unix socket. Of the addresses that they "
		  "name\n"
		  "the right-most that is none of these is the client. Others are not believed.",
	  .example = "trusted_proxies: [127.0.0.1, 10.0.0.0/8, \"2001:db8::/32\", \"unix:\"]\n" },
	{ .name = "forwarded",
	  FRONT(forwarded),
	  .type = OPTION_CHOICE,
	  .choices = forwardeds,
	  .fallback = "x-forwarded",
	  .help = "Which fields they write: x-forwarded (X-Forwarded-For, -Proto and -Host), or\n"
		  "forwarded (RFC 7239). The others, which they hand on as they came, do not "
		  "count." },
	{ .name = "unknown_hosts",
	  FRONT(unknown_hosts),
	  .type = OPTION_CHOICE,
	  .choices = unknown_hosts,
	  .fallback = "serve",
	  .help = "Where routes have a host, what becomes of requests for others: serve, by "
		  "routes\n"
		  "without a host, if there are any; refuse, they are answered 421." },
	{ .name = "max_connections_per_address",
	  FRONT(max_connections_per_address),
	  .type = OPTION_COUNT,
	  .max = 1000000,
	  .fallback = "0",
	  .help = "Connections from one address, of IPv6 from one /64, to all workers; more are\n"
		  "answered 429 and closed. Trusted proxies have no limit. 0: nobody has." },
	{ .name = "rate_limit",
	  FRONT(rate_limit),
	  .type = OPTION_COUNT,
	  .max = 1000000,
	  .fallback = "0",
	  .help = "Requests that one client, of IPv6 one /64, may make in each rate_period, of\n"
		  "all workers; more are answered 429, with Retry-After. 0: any number." },
	{ .name = "rate_period",
	  FRONT(rate_period_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = 24 * HOUR,
	  .fallback = "1s",
	  .help = "The time that rate_limit is about." },
	{ .name = "rate_burst",
	  FRONT(rate_burst),
	  .type = OPTION_COUNT,
	  .max = 100000,
	  .fallback = "0",
	  .help = "So many of them may come at once, after a pause; 0: as many as rate_limit." },
	{ .name = "rate_addresses",
	  FRONT(rate_addresses),
	  .type = OPTION_COUNT,
	  .min = 64,
	  .max = 16000000,
	  .fallback = "65536",
	  .help = "Of so many clients it is known how often they have asked, 16 bytes each; of\n"
		  "more, those who have asked least are forgotten." },

	{ .name = "proxy_protocol",
	  LISTEN(has_proxy_protocol),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "true: each connection begins with a PROXY header, version 1 or 2, which says\n"
		  "who the client is. Others are closed; so are those who are none of\n"
		  "trusted_proxies, if there are any." },

	{ .name = "host",
	  ROUTE(host),
	  .type = OPTION_NAME,
	  .pattern = "^(\\*\\.)?[A-Za-z0-9._~!$&'()+,;=%\\[\\]:-]+$",
	  .help = "Only requests for this host: example.org, or *.example.org for one label "
		  "more.\n"
		  "An exact one wins over that, and both over routes without a host." },
	{ .name = "rate_limit",
	  ROUTE(rate_limit),
	  .type = OPTION_COUNT,
	  .max = 1000000,
	  .is_inherited = true,
	  .help = "A limit for requests of this route alone, instead of the one for all others." },
	{ .name = "rate_period",
	  ROUTE(rate_period_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = 24 * HOUR,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = "rate_burst",
	  ROUTE(rate_burst),
	  .type = OPTION_COUNT,
	  .max = 100000,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = NULL, .more = option_log_rows },
};

static_assert(sizeof(enum forwarded_kind) == sizeof(int), "a choice is stored as an int");
static_assert(sizeof(enum conf_unknown_hosts) == sizeof(int), "a choice is stored as an int");
