/*
 * option_table.c - see option_table.h. An option stands here only if the
 * server honours it; a word for something planned would be a lie to whoever
 * sets it.
 */
#include "conf/option_table.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/macro.h"
#include "conf/conf.h"
#include "conf/option_ctl.h"
#include "conf/option_front.h"
#include "conf/option_items.h"
#include "conf/option_jobs.h"
#include "conf/option_static.h"
#include "conf/option_tls.h"
#include "conf/option_units.h"

static const struct option_choice log_levels[] = {
	{ "error", LOG_AT_ERROR }, { "warn", LOG_AT_WARN },   { "notice", LOG_AT_NOTICE },
	{ "info", LOG_AT_INFO },   { "debug", LOG_AT_DEBUG }, { NULL, 0 },
};

#define TOP(field) .place = OPTION_TOP, .offset = offsetof(struct conf, field)
#define LIMIT(field) .place = OPTION_TOP, .offset = offsetof(struct conf, limits.field)

static const struct option_spec top_rows[] = {
	{ .name = "workers",
	  TOP(n_workers),
	  .type = OPTION_WORKERS,
	  .min = 1,
	  .max = 1024,
	  .fallback = "auto",
	  .env = "WEB_CONCURRENCY",
	  .help = "Worker processes; auto is one for each CPU that this process may use." },
	{ .name = "listen",
	  TOP(listen),
	  .n_offset = offsetof(struct conf, n_listen),
	  .type = OPTION_ITEMS,
	  .items = OPTION_LISTEN,
	  .fallback = "127.0.0.1:8000",
	  .env = "PORT",
	  .help = "Where connections are accepted. WEIR_LISTEN is a list of addresses with\n"
		  "spaces between them; PORT=8080 means *:8080.",
	  .example = "listen:\n"
		     "  - address: 127.0.0.1:8000\n"
		     "  - address: \"[::1]:8000\"\n"
		     "  - address: unix:/run/weir/http.sock\n"
		     "    mode: 0660\n" },
	{ .name = "module_path",
	  TOP(module_path),
	  .n_offset = offsetof(struct conf, n_module_path),
	  .type = OPTION_DIRECTORIES,
	  .help = "Directories in which modules are looked for, in this order. Default: the\n"
		  "directory of this file, then weir/modules in the library directory.",
	  .example = "module_path: [/srv/shop/modules]\n" },
	{ .name = "modules",
	  TOP(modules),
	  .n_offset = offsetof(struct conf, n_modules),
	  .type = OPTION_ITEMS,
	  .items = OPTION_MODULE,
	  .help = "The shared objects that handlers are in. A module's name is its file's,\n"
		  "without \".so\".",
	  .example = "modules:\n"
		     "  - path: shop.so\n"
		     "    settings: {greeting: hello, database: \"${SHOP_DB:-shop.db}\"}\n" },
	{ .name = "routes",
	  TOP(routes),
	  .n_offset = offsetof(struct conf, n_routes),
	  .type = OPTION_ITEMS,
	  .items = OPTION_ROUTE,
	  .help = "Which handler answers what. Of several routes that match, the most\n"
		  "specific wins: literal before {param} before {rest...}.",
	  .example = "routes:\n"
		     "  - path: /hello\n"
		     "    methods: [GET]\n"
		     "    handler: shop.hello\n"
		     "  - path: /users/{id}\n"
		     "    handler: shop.user\n"
		     "    middleware: [shop.audit]\n"
		     "    max_body: 64KiB\n" },
	{ .name = "jobs",
	  TOP(jobs),
	  .type = OPTION_MAPPING,
	  .items = OPTION_JOBS,
	  .help = "The processes in which modules' jobs run. Where no module has any, there are\n"
		  "none.",
	  .example = "jobs:\n"
		     "  processes: 2\n"
		     "  queue: 64\n"
		     "  pools: [{name: slow, processes: 1, max_run: 1h}]\n" },
	{ .name = "health",
	  TOP(health),
	  .type = OPTION_MAPPING,
	  .items = OPTION_HEALTH,
	  .help = "How the daemon is, for load balancers and supervisors: /healthz and /readyz on\n"
		  "an address of their own, answered while workers are stuck.",
	  .example = "health: {listen: \"127.0.0.1:8001\"}\n" },
	{ .name = "control",
	  TOP(control),
	  .type = OPTION_MAPPING,
	  .items = OPTION_CONTROL,
	  .help = "The socket that weirctl speaks to. Who may open it may do all that weirctl can.",
	  .example = "control: {socket: /run/weir/control.sock, group: adm}\n" },
	{ .name = "user",
	  TOP(privileges.user),
	  .type = OPTION_NAME,
	  .help = "Started by root, all processes but the master are this user's, by name or "
		  "number,\n"
		  "without any capability. The master stays root, to bind ports below 1024 and to\n"
		  "read keys. Unix sockets are the user's.",
	  .example = "user: nobody\n" },
	{ .name = "group",
	  TOP(privileges.group),
	  .type = OPTION_NAME,
	  .help = "Their group, by name or number. Default: the user's.",
	  .example = "group: nogroup\n" },
	{ .name = "chroot",
	  TOP(privileges.chroot),
	  .type = OPTION_FILE,
	  .help = "A directory, only root's, that these processes cannot get out of once they "
		  "have\n"
		  "loaded their modules. What handlers and jobs open must be in it.",
	  .example = "chroot: /usr\n" },
	{ .name = "log_level",
	  TOP(log_level),
	  .type = OPTION_CHOICE,
	  .choices = log_levels,
	  .fallback = "info",
	  .help = "How much is said on standard error. \"info\" has a line for each request that "
		  "was refused, with the reason; \"notice\" leaves them out." },
	{ .name = "access_log",
	  TOP(access_log),
	  .type = OPTION_ACCESS_LOG,
	  .fallback = "stdout",
	  .help = "One line for each request, in combined format: off, stdout, or a file." },

	{ .name = "handshake_timeout",
	  LIMIT(handshake_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .fallback = "10s",
	  .help = "With TLS, the handshake must be complete within this time of the accept." },
	{ .name = "redirect_https",
	  LIMIT(redirect_https),
	  .type = OPTION_COUNT,
	  .max = 65535,
	  .fallback = "0",
	  .help = "Requests without TLS are redirected (308) to https on this port, such as 443;\n"
		  "0: they are served." },
	{ .name = "hsts",
	  LIMIT(hsts_ms),
	  .type = OPTION_DURATION,
	  .max = 10 * 8760 * HOUR,
	  .fallback = "0",
	  .help = "Answers with TLS tell browsers to use nothing else here for so long (RFC "
		  "6797),\n"
		  "such as 8760h; 0: they do not." },
	{ .name = "hsts_subdomains",
	  LIMIT(hsts_has_subdomains),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "And on all subdomains of the host's name." },
	{ .name = "gzip",
	  LIMIT(gzip.is_on),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "Answers are compressed (RFC 1952) for clients that take it." },
	{ .name = "gzip_min",
	  LIMIT(gzip.min),
	  .type = OPTION_SIZE,
	  .max = GIB,
	  .fallback = "1KiB",
	  .help = "Shorter answers are not, where their length is known." },
	{ .name = "gzip_level",
	  LIMIT(gzip.level),
	  .type = OPTION_COUNT,
	  .min = 1,
	  .max = 9,
	  .fallback = "4",
	  .help = "1 is the fastest, 9 the smallest." },
	{ .name = "gzip_types",
	  LIMIT(gzip.types),
	  .n_offset = offsetof(struct conf, limits.gzip.n_types),
	  .type = OPTION_NAMES,
	  .help = "Media types that are worth it; one that ends with a slash stands for all of "
		  "its\n"
		  "kind. Default: text/, and what scripts, feeds, fonts and SVG are made of.",
	  .example = "gzip_types: [text/, application/json]\n" },
	{ .name = "header_timeout",
	  LIMIT(header_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .fallback = "10s",
	  .help = "A request's head must be complete within this time." },
	{ .name = "body_timeout",
	  LIMIT(body_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .fallback = "30s",
	  .help = "How long a request's body may pause while it is waited for." },
	{ .name = "send_timeout",
	  LIMIT(send_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .fallback = "30s",
	  .help = "How long a client may take nothing of its response, or of what is sent to its\n"
		  "WebSocket." },
	{ .name = "min_rate",
	  LIMIT(min_rate),
	  .type = OPTION_RATE,
	  .max = GIB,
	  .fallback = "240B/s",
	  .help = "What a client must send of a body, or take of a response, on average of the\n"
		  "time in which it is waited for; 0 turns this off. Of what is sent to a\n"
		  "WebSocket, again and again: on average of so much waiting as min_rate_after\n"
		  "says, or send_timeout if that is longer." },
	{ .name = "min_rate_after",
	  LIMIT(min_rate_after_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "20s",
	  .help = "How long it must have been waited for before there is an average." },
	{ .name = "keep_alive",
	  LIMIT(keep_alive_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = 24 * HOUR,
	  .fallback = "75s",
	  .help = "How long a connection may be idle between two requests." },
	{ .name = "graceful_timeout",
	  LIMIT(graceful_timeout_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "30s",
	  .help = "On TERM and INT, and in workers that a reload has replaced, how long\n"
		  "requests in flight may take to end." },
	{ .name = "websocket_grace",
	  LIMIT(websocket_grace_ms),
	  .type = OPTION_DURATION,
	  .max = 24 * HOUR,
	  .fallback = "0s",
	  .help = "How long WebSockets may stay in a worker that a reload has replaced, before\n"
		  "they are closed with 1012; its requests have as much longer." },
	{ .name = "reload_spread",
	  LIMIT(reload_spread_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "5s",
	  .help = "Then they are closed one after the other within this time, and so are streams\n"
		  "of events; never more than half of graceful_timeout." },
	{ .name = "max_head",
	  LIMIT(max_head),
	  .type = OPTION_SIZE,
	  .min = KIB,
	  .max = MIB,
	  .fallback = "32KiB",
	  .help = "The most a request line with all its fields may have; more is answered 431." },
	{ .name = "max_target",
	  LIMIT(max_target),
	  .type = OPTION_SIZE,
	  .min = 64,
	  .max = MIB,
	  .fallback = "8KiB",
	  .help = "The longest request target, path and query; a longer one is answered 414." },
	{ .name = "max_fields",
	  LIMIT(max_fields),
	  .type = OPTION_COUNT,
	  .min = 1,
	  .max = 10000,
	  .fallback = "100",
	  .help = "The most fields of a request; more is answered 431." },
	{ .name = "max_body",
	  LIMIT(max_body),
	  .type = OPTION_SIZE,
	  .max = TIB,
	  .fallback = "1MiB",
	  .help = "The largest request body; a larger one is answered 413." },
	{ .name = "request_memory",
	  LIMIT(request_memory),
	  .type = OPTION_SIZE,
	  .min = 16 * KIB,
	  .max = GIB,
	  .fallback = "1MiB",
	  .help = "What a handler may allocate for one request." },
	{ .name = "high_water",
	  LIMIT(high_water),
	  .type = OPTION_SIZE,
	  .min = 4 * KIB,
	  .max = 64 * MIB,
	  .fallback = "64KiB",
	  .help = "What may be queued for a slow client before its handler has to wait." },
	{ .name = "memory_budget",
	  LIMIT(memory_budget),
	  .type = OPTION_SIZE,
	  .min = MIB,
	  .max = TIB,
	  .fallback = "256MiB",
	  .help = "What all buffers of one worker may have together: heads of requests that are\n"
		  "answered, bodies on their way in, responses on their way out. Beyond it the\n"
		  "slowest clients are cut off, those with most in buffers first; if it is\n"
		  "handlers that hold them, new requests are answered 503." },
	{ .name = "max_connections",
	  LIMIT(max_connections),
	  .type = OPTION_COUNT,
	  .max = 1000000,
	  .fallback = "0",
	  .help = "Connections of all workers together; more are answered 503 and closed. 0: as\n"
		  "many as there are descriptors for; the log says how many that is." },
	{ .name = "backlog",
	  LIMIT(backlog),
	  .type = OPTION_COUNT,
	  .min = 1,
	  .max = 65535,
	  .fallback = "4096",
	  .help = "Connections that may wait to be accepted, on each socket." },
	{ .name = "max_tasks",
	  LIMIT(max_tasks),
	  .type = OPTION_COUNT,
	  .min = 1,
	  .max = 10000000,
	  .fallback = "100000",
	  .help = "Tasks alive at once in one group of a handler, or in a module's background." },
	{ .name = "threads",
	  LIMIT(threads),
	  .type = OPTION_COUNT,
	  .min = 1,
	  .max = 256,
	  .fallback = "4",
	  .help = "Threads of each worker, for calls that block; they are started when they are\n"
		  "needed." },
	{ .name = "stall_limit",
	  LIMIT(stall_limit_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "100ms",
	  .help = "A handler that holds its worker's loop for longer is in the log, with a\n"
		  "backtrace, while it still does; 0: nobody looks." },
	{ .name = "stall_abort",
	  LIMIT(stall_abort_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "0",
	  .help = "A worker whose loop is held for so long is replaced; 0: never." },
	{ .name = "crash_limit",
	  LIMIT(crash_limit),
	  .type = OPTION_COUNT,
	  .max = CONF_CRASH_LIMIT_MAX,
	  .fallback = "5",
	  .help = "A route whose handler has taken its worker with it so often, within "
		  "crash_window,\n"
		  "is answered 503 until the next reload; 0: never." },
	{ .name = "crash_window",
	  LIMIT(crash_window_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = 24 * HOUR,
	  .fallback = "60s",
	  .help = "The time that crash_limit is about." },
	{ .name = "stack_size",
	  LIMIT(stack_size),
	  .type = OPTION_SIZE,
	  .min = 32 * KIB,
	  .max = 64 * MIB,
	  .fallback = "128KiB",
	  .help = "Stack of each coroutine; it costs memory only as far as it is used." },
	{ .name = "max_message",
	  LIMIT(websocket.max_message),
	  .type = OPTION_SIZE,
	  .min = 1,
	  .max = TIB,
	  .fallback = "1MiB",
	  .help = "The largest message of a WebSocket that is received whole, inflated; a larger\n"
		  "one ends the session with 1009." },
	{ .name = "ping_interval",
	  LIMIT(websocket.ping_interval_ms),
	  .type = OPTION_DURATION,
	  .max = 24 * HOUR,
	  .fallback = "25s",
	  .help = "A WebSocket from which nothing has come for so long, or up to a 64th less, is\n"
		  "sent a ping; 0: never." },
	{ .name = "ping_timeout",
	  LIMIT(websocket.ping_timeout_ms),
	  .type = OPTION_DURATION,
	  .max = 24 * HOUR,
	  .fallback = "60s",
	  .help = "How long after a ping nothing may come before the client counts as gone; 0: "
		  "for\n"
		  "ever." },
	{ .name = "close_timeout",
	  LIMIT(websocket.close_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .fallback = "5s",
	  .help = "How long a client may take to answer when a WebSocket is closed." },
	{ .name = "idle_timeout",
	  LIMIT(websocket.idle_timeout_ms),
	  .type = OPTION_DURATION,
	  .max = 24 * HOUR,
	  .fallback = "0",
	  .help = "A WebSocket in which no message went either way for so long is closed with "
		  "1001;\n"
		  "0: never." },
	{ .name = "max_lifetime",
	  LIMIT(websocket.max_lifetime_ms),
	  .type = OPTION_DURATION,
	  .max = 8760 * HOUR,
	  .fallback = "0",
	  .help = "A WebSocket is closed with 1001 when it is so old; 0: never." },
	{ .name = "slow_client",
	  LIMIT(websocket.slow_client),
	  .type = OPTION_CHOICE,
	  .choices = option_items_slow_clients,
	  .fallback = "wait",
	  .help = "What becomes of messages that a WebSocket's client does not take. Of those "
		  "that\n"
		  "its handler sends: wait, who sends them waits; drop-oldest, the oldest are\n"
		  "dropped; close, the session is closed with 1013. Of those that are relayed "
		  "from\n"
		  "a subscription: close, the session is closed when one is lost; else they are\n"
		  "only counted." },
	{ .name = "send_queue",
	  LIMIT(websocket.send_queue),
	  .type = OPTION_SIZE,
	  .min = KIB,
	  .max = GIB,
	  .fallback = "1MiB",
	  .help = "How much of what a WebSocket's handler sends may wait for one slow client, "
		  "with\n"
		  "drop-oldest and close. What is relayed waits elsewhere, within the\n"
		  "subscription's own limit of messages and publish_budget." },
	{ .name = "send_queue_age",
	  LIMIT(websocket.send_queue_age_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "30s",
	  .help = "How long it may; 0: for ever. For what is relayed there is no such limit, only\n"
		  "send_timeout and min_rate: they hold for both." },
	{ .name = "deflate",
	  LIMIT(websocket.has_deflate),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "Compresses a WebSocket's messages (permessage-deflate) if the client can." },
	{ .name = "deflate_window",
	  LIMIT(websocket.deflate_window),
	  .type = OPTION_COUNT,
	  .min = 9,
	  .max = 15,
	  .fallback = "15",
	  .help = "Window of what the server compresses: so many bits, 15 is 32 KiB." },
	{ .name = "deflate_client_window",
	  LIMIT(websocket.deflate_client_window),
	  .type = OPTION_COUNT,
	  .min = 8,
	  .max = 15,
	  .fallback = "15",
	  .help = "The same of what clients do. Clients that cannot be limited go uncompressed, if "
		  "it\n"
		  "is less than 15." },
	{ .name = "deflate_contexts",
	  LIMIT(websocket.keeps_contexts),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "Keeps windows from one message to the next: smaller messages, but up to 300 KiB "
		  "of\n"
		  "memory for each session." },
	{ .name = "deflate_min",
	  LIMIT(websocket.deflate_min),
	  .type = OPTION_SIZE,
	  .max = MIB,
	  .fallback = "128B",
	  .help = "Shorter messages are not compressed." },
	{ .name = "send_queue_budget",
	  LIMIT(send_queue_budget),
	  .type = OPTION_SIZE,
	  .max = TIB,
	  .fallback = "64MiB",
	  .help = "What all send queues (send_queue) of one worker's WebSockets may have "
		  "together;\n"
		  "beyond it the fullest pays. 0: no limit." },
	{ .name = "publish_budget",
	  LIMIT(publish_budget),
	  .type = OPTION_SIZE,
	  .max = TIB,
	  .fallback = "64MiB",
	  .help = "What one worker keeps of published messages for subscribers that have fallen\n"
		  "behind, relayed ones as well; beyond it they lose the oldest. 0: no limit." },
	{ .name = "max_publication",
	  LIMIT(max_publication),
	  .type = OPTION_SIZE,
	  .min = 1,
	  .max = CONF_PUBLICATION_MAX,
	  .fallback = "1MiB",
	  .help = "The largest message that can be published." },
	{ .name = NULL, .more = option_front_rows },
};

static const struct option_spec *rows_of(enum option_place place)
{
	switch (place) {
	case OPTION_TOP:
		return top_rows;
	case OPTION_LISTEN:
	case OPTION_MODULE:
	case OPTION_ROUTE:
		break;
	case OPTION_JOBS:
	case OPTION_POOL:
		return option_jobs_rows;
	case OPTION_TLS:
	case OPTION_CERTIFICATE:
		return option_tls_rows;
	case OPTION_STATIC:
	case OPTION_REDIRECT:
	case OPTION_RESPOND:
		return option_static_rows;
	case OPTION_HEALTH:
	case OPTION_CONTROL:
		return option_ctl_rows;
	}
	return option_items_rows;
}

const struct option_spec *option_table_next(enum option_place place, const struct option_spec *last)
{
	const struct option_spec *o = last ? last + 1 : rows_of(place);

	for (; o; o = o->name ? o + 1 : o->more) {
		if (o->name && o->place == place)
			return o;
	}
	return NULL;
}

const struct option_spec *option_table_find(enum option_place place, weir_str name)
{
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (weir_str_eq(name, weir_strz(o->name)))
			return o;
	}
	return NULL;
}

size_t option_table_index(const struct option_spec *option)
{
	const struct option_spec *first = option_table_next(option->place, NULL);
	size_t n = 0;

	for (const struct option_spec *o = first; o != option; o = option_table_next(o->place, o))
		n++;
	assert(n < OPTION_MAX);
	return n;
}

const struct option_spec *option_table_above(const struct option_spec *option,
					     const struct conf *conf, const void **ret_base)
{
	bool is_of_pool = option->place == OPTION_POOL;

	if (!option->is_inherited)
		return NULL;
	*ret_base = is_of_pool ? (const void *)&conf->jobs : conf;
	return option_table_find(is_of_pool ? OPTION_JOBS : OPTION_TOP, weir_strz(option->name));
}

size_t option_table_size(enum option_place place)
{
	switch (place) {
	case OPTION_LISTEN:
		return sizeof(struct conf_listen);
	case OPTION_MODULE:
		return sizeof(struct conf_module);
	case OPTION_ROUTE:
		return sizeof(struct conf_route);
	case OPTION_JOBS:
		return sizeof(struct conf_jobs);
	case OPTION_POOL:
		return sizeof(struct conf_job_pool);
	case OPTION_TLS:
		return sizeof(struct conf_tls);
	case OPTION_CERTIFICATE:
		return sizeof(struct conf_certificate);
	case OPTION_STATIC:
		return sizeof(struct conf_static);
	case OPTION_REDIRECT:
		return sizeof(struct conf_redirect);
	case OPTION_RESPOND:
		return sizeof(struct conf_respond);
	case OPTION_HEALTH:
		return sizeof(struct conf_health);
	case OPTION_CONTROL:
		return sizeof(struct conf_control);
	case OPTION_TOP:
		break;
	}
	return sizeof(struct conf);
}

bool option_table_is_list(const struct option_spec *option)
{
	return option->type >= OPTION_NAMES;
}

bool option_table_env(const struct option_spec *option, char ret_name[OPTION_ENV])
{
	size_t n;

	if (option->place != OPTION_TOP || (option_table_is_list(option) && !option->env))
		return false;
	n = (size_t)snprintf(ret_name, OPTION_ENV, "WEIR_%s", option->name);
	assert(n < OPTION_ENV);
	for (size_t i = 5; i < n; i++) {
		if (ret_name[i] >= 'a' && ret_name[i] <= 'z')
			ret_name[i] = (char)(ret_name[i] - 'a' + 'A');
	}
	return true;
}
