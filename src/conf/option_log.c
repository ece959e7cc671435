/* option_log.c - see option_log.h. */
#include "conf/option_log.h"

#include <assert.h>

#include "app/site.h"
#include "conf/conf.h"
#include "conf/option_units.h"

static const struct option_choice id_trusts[] = {
	{ "never", SITE_IDS_MADE },
	{ "trusted", SITE_IDS_OF_PROXIES },
	{ "always", SITE_IDS_OF_ALL },
	{ NULL, 0 },
};

#define TOP(field) .place = OPTION_TOP, .offset = offsetof(struct conf, field)
#define ROUTE(field) .place = OPTION_ROUTE, .offset = offsetof(struct conf_route, field)

const struct option_spec option_log_rows[] = {
	{ .name = "access_log_format",
	  TOP(access_log_format),
	  .type = OPTION_NAME,
	  .fallback = "combined",
	  .help = "combined, as every log reader knows it; json, an object with all there is; or\n"
		  "text with {fields}: time, time_iso, event, client, method, target, protocol,\n"
		  "request (these three), scheme, host, status, bytes, received, duration,\n"
		  "queue_time, handler_time, job_time, write_time, route, handler, request_id,\n"
		  "trace_id, referer, user_agent, messages_in, messages_out, close_code, and\n"
		  "header:NAME. {{ is a brace. Times are in seconds." },
	{ .name = "metrics_memory",
	  TOP(metrics_memory),
	  .type = OPTION_SIZE,
	  .max = 64 * MIB,
	  .fallback = "1MiB",
	  .help = "The most that each worker takes for what it counts (weir.metrics): about 1 KiB\n"
		  "for each route. What finds no room is not counted; 0: nothing is." },
	{ .name = "take_ids",
	  TOP(take_ids),
	  .type = OPTION_CHOICE,
	  .choices = id_trusts,
	  .fallback = "trusted",
	  .help = "Whose X-Request-Id and traceparent (W3C Trace Context) a request goes by: "
		  "those\n"
		  "of trusted_proxies, of all (always), or of nobody (never). Where there is\n"
		  "none, or a bad one, it has new ones." },
	{ .name = "log_ids",
	  TOP(logs_ids),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "true: what handlers and their jobs write to the log ends with the id of their\n"
		  "request, in brackets." },

	{ .name = "access_log_errors",
	  ROUTE(access_log_only_errors),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "true: only those of this route's requests are in the access log that were\n"
		  "answered 400 or more, or broken off." },
	{ .name = "access_log_sample",
	  ROUTE(access_log_sample),
	  .type = OPTION_COUNT,
	  .min = 1,
	  .max = 1000000,
	  .fallback = "1",
	  .help = "Of this route's requests that are no errors, one in so many is in the access\n"
		  "log." },
	{ .name = NULL },
};

static_assert(sizeof(enum site_ids) == sizeof(int), "a choice is stored as an int");
