/* option_static.c - what may be said of routes that need no module; see option_table.h. */
#include "daemon/option_static.h"

#include "daemon/conf.h"

#define REDIRECT(field) .place = OPTION_REDIRECT, .offset = offsetof(struct conf_redirect, field)
#define RESPOND(field) .place = OPTION_RESPOND, .offset = offsetof(struct conf_respond, field)

const struct option_spec option_static_rows[] = {
	{ .name = "to",
	  REDIRECT(to),
	  .type = OPTION_NAME,
	  .is_required = true,
	  .pattern = "^(/|[A-Za-z][A-Za-z0-9+.-]*:)",
	  .help = "A path, or a whole URL. {name} is what the route's parameter of that name "
		  "has." },
	{ .name = "status",
	  REDIRECT(status),
	  .type = OPTION_COUNT,
	  .min = 301,
	  .max = 308,
	  .fallback = "308",
	  .help = "301 or 308: for ever; 302, 303 or 307: for now. 307 and 308 keep the method." },
	{ .name = "query",
	  REDIRECT(keeps_query),
	  .type = OPTION_BOOL,
	  .fallback = "true",
	  .help = "The request's query is added." },

	{ .name = "status",
	  RESPOND(status),
	  .type = OPTION_COUNT,
	  .min = 200,
	  .max = 599,
	  .fallback = "200",
	  .help = "The answer's status." },
	{ .name = "type",
	  RESPOND(type),
	  .type = OPTION_NAME,
	  .fallback = "text/plain; charset=utf-8",
	  .help = "Its media type." },
	{ .name = "body",
	  RESPOND(body),
	  .type = OPTION_NAME,
	  .help = "Its content; nothing, if absent." },
	{ .name = "headers",
	  RESPOND(headers),
	  .n_offset = offsetof(struct conf_respond, n_headers),
	  .origins_offset = offsetof(struct conf_respond, header_origins),
	  .type = OPTION_SETTINGS,
	  .help = "More of its fields, names and values." },
	{ .name = NULL },
};
