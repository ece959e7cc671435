/*
 * option_table.c - see option_table.h. An option stands here only if the
 * server honours it; a word for something planned would be a lie to whoever
 * sets it.
 */
#include "daemon/option_table.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/macro.h"
#include "daemon/conf.h"
#include "serve/exchange.h"

#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)
#define SECOND ((uint64_t)1000)
#define HOUR (SECOND * 3600)

static const struct option_choice log_levels[] = {
	{ "error", LOG_AT_ERROR }, { "warn", LOG_AT_WARN },   { "notice", LOG_AT_NOTICE },
	{ "info", LOG_AT_INFO },   { "debug", LOG_AT_DEBUG }, { NULL, 0 },
};

static const struct option_choice half_closes[] = {
	{ "cancel", HALF_CLOSE_CANCEL },
	{ "finish", HALF_CLOSE_FINISH },
	{ NULL, 0 },
};

/* MODULE.NAME; a module's name may have dots too. */
#define QUALIFIED "^.+\\.[^.]+$"

#define TOP(field) .place = OPTION_TOP, .offset = offsetof(struct conf, field)
#define LIMIT(field) .place = OPTION_TOP, .offset = offsetof(struct conf, limits.field)
#define LISTEN(field) .place = OPTION_LISTEN, .offset = offsetof(struct conf_listen, field)
#define MODULE(field) .place = OPTION_MODULE, .offset = offsetof(struct conf_module, field)
#define ROUTE(field) .place = OPTION_ROUTE, .offset = offsetof(struct conf_route, field)

static const struct option_spec options[] = {
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
	  .help = "How long a client may take nothing of its response." },
	{ .name = "min_rate",
	  LIMIT(min_rate),
	  .type = OPTION_RATE,
	  .max = GIB,
	  .fallback = "240B/s",
	  .help = "What a client must send of a body, or take of a response, on average of the\n"
		  "time in which it is waited for; 0 turns this off." },
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
	  .help = "On TERM and INT, how long requests in flight may take to end." },
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
	  .min = 1,
	  .max = 1000000,
	  .fallback = "10000",
	  .help = "Connections of one worker; more are answered 503 and closed." },
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
	{ .name = "stack_size",
	  LIMIT(stack_size),
	  .type = OPTION_SIZE,
	  .min = 32 * KIB,
	  .max = 64 * MIB,
	  .fallback = "128KiB",
	  .help = "Stack of each coroutine; it costs memory only as far as it is used." },

	{ .name = "address",
	  LISTEN(address),
	  .type = OPTION_ADDRESS,
	  .is_required = true,
	  .help = "127.0.0.1:8000, \"[::1]:8000\", \"*:8000\" (every address), or unix:/path." },
	{ .name = "mode",
	  LISTEN(mode),
	  .type = OPTION_OCTAL,
	  .fallback = "0666",
	  .help = "Permissions of a Unix socket, in octal." },

	{ .name = "path",
	  MODULE(path),
	  .type = OPTION_MODULE_FILE,
	  .is_required = true,
	  .help = "The file. Without a slash it is looked for in module_path; otherwise it is\n"
		  "relative to the directory of this file." },
	{ .name = "settings",
	  MODULE(settings),
	  .n_offset = offsetof(struct conf_module, n_settings),
	  .type = OPTION_SETTINGS,
	  .help = "Keys and values that the module asks for." },

	{ .name = "path",
	  ROUTE(path),
	  .type = OPTION_NAME,
	  .is_required = true,
	  .pattern = "^/",
	  .help = "Begins with a slash. {name} is one segment, {name...} is all that follows." },
	{ .name = "methods",
	  ROUTE(methods),
	  .type = OPTION_METHODS,
	  .help = "Such as [GET, POST]; any, if absent. HEAD comes with GET, and OPTIONS is\n"
		  "answered by the server." },
	{ .name = "handler",
	  ROUTE(handler),
	  .type = OPTION_NAME,
	  .is_required = true,
	  .pattern = QUALIFIED,
	  .help = "MODULE.ENTRY" },
	{ .name = "middleware",
	  ROUTE(middleware),
	  .n_offset = offsetof(struct conf_route, n_middleware),
	  .type = OPTION_NAMES,
	  .pattern = QUALIFIED,
	  .help = "MODULE.NAME of each layer, outermost first." },
	{ .name = "half_close",
	  ROUTE(half_close),
	  .type = OPTION_CHOICE,
	  .choices = half_closes,
	  .fallback = "cancel",
	  .help = "What it means when a client closes its sending side: cancel, it has gone\n"
		  "away; finish, it waits for the answer." },
	{ .name = "max_body",
	  ROUTE(max_body),
	  .type = OPTION_SIZE,
	  .max = TIB,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = "request_memory",
	  ROUTE(request_memory),
	  .type = OPTION_SIZE,
	  .min = 16 * KIB,
	  .max = GIB,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = "body_timeout",
	  ROUTE(body_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = "send_timeout",
	  ROUTE(send_timeout_ms),
	  .type = OPTION_DURATION,
	  .min = 1,
	  .max = HOUR,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = "min_rate",
	  ROUTE(min_rate),
	  .type = OPTION_RATE,
	  .max = GIB,
	  .is_inherited = true,
	  .help = "For this route, instead of what is said for the whole file." },
	{ .name = "access_log",
	  ROUTE(has_access_log),
	  .type = OPTION_BOOL,
	  .fallback = "true",
	  .help = "false keeps this route's requests out of the access log." },
};

static_assert(ARRAY_LEN(options) <= OPTION_MAX, "sets of options have 64 bits");
static_assert(sizeof(enum half_close) == sizeof(int), "a choice is stored as an int");

const struct option_spec *option_table_next(enum option_place place, const struct option_spec *last)
{
	const struct option_spec *end = options + ARRAY_LEN(options);

	for (const struct option_spec *o = last ? last + 1 : options; o < end; o++) {
		if (o->place == place)
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
	return (size_t)(option - options);
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
