/*
 * binding.c - one pass over the modules, one over the routes. Nothing stops at
 * the first problem: whoever writes a configuration wants to see them all.
 */
#include "daemon/binding.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/asgi.h"
#include "app/builtin.h"
#include "app/gzip.h"
#include "app/hosts.h"
#include "app/module.h"
#include "base/buf.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_front.h"
#include "conf/messages.h"
#include "proto/http.h"
#include "serve/ratelimit.h"

static void add_words(struct messages *messages, const struct conf_pos *pos, struct buf *words)
{
	messages_add(messages, pos, "%.*s", (int)words->len, words->data ? words->data : "");
	buf_clear(words);
}

/* ---- modules */

static int open_module(struct binding *b, const struct conf *conf, const struct conf_module *module,
		       const struct log *log, struct messages *messages)
{
	struct module_spec spec = {
		.path = module->path.text,
		.name = module->name,
		.dirs = conf->module_path,
		.n_dirs = conf->n_module_path,
		.settings = (const struct module_setting *)(const void *)module->settings,
		.n_settings = module->n_settings,
	};
	_cleanup_(buf_done) struct buf words = { 0 };
	int r;

	static_assert(sizeof(struct conf_setting) == sizeof(struct module_setting),
		      "both are a key and a value");
	r = module_open(&spec, log, &words, &b->apps[b->n_apps]);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		add_words(messages, &module->path.pos, &words);
	else
		b->n_apps++;
	return 0;
}

static int open_modules(struct binding *b, const struct conf *conf, const struct log *log,
			struct messages *messages)
{
	int r;

	for (size_t i = 0; i < conf->n_modules; i++) {
		r = open_module(b, conf, &conf->modules[i], log, messages);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The server's own handlers, if a route has one. */
static int open_builtin(struct binding *b, const struct conf *conf, const struct log *log)
{
	_cleanup_(buf_done) struct buf words = { 0 };
	weir_str module = { NULL, 0 }, entry;
	int r;

	for (size_t i = 0; i < conf->n_routes; i++) {
		if (conf_split_name(conf->routes[i].handler.text, &module, &entry) < 0 ||
		    !weir_str_eq(module, WEIR_STR(BUILTIN_MODULE)))
			continue;
		r = builtin_open(log, &words, &b->apps[b->n_apps]);
		if (r < 0)
			return r;
		b->n_apps++;
		return 0;
	}
	return 0;
}

static struct weir_app *find_app(const struct binding *b, weir_str name)
{
	for (size_t i = 0; i < b->n_apps; i++) {
		if (weir_str_eq(weir_strz(b->apps[i]->name), name))
			return b->apps[i];
	}
	return NULL;
}

/* ---- routes */

/* "shop.user": the module, if it could be opened, and the name inside it. */
static struct weir_app *resolve(const struct binding *b, const char *text, weir_str *ret_entry)
{
	weir_str module;

	if (conf_split_name(text, &module, ret_entry) < 0)
		return NULL;
	return find_app(b, module);
}

/*
 * A request passes the layers in the order of the list, so each stands between
 * those before it, which are nearer to the connection, and the handler.
 */
static void bind_middleware(struct binding *b, struct route *route, const struct conf_route *from,
			    struct messages *messages)
{
	for (size_t i = 0; i < from->n_middleware; i++) {
		_cleanup_(buf_done) struct buf words = { 0 };
		weir_io *layer = &b->layers[b->n_layers];
		struct weir_app *app;
		weir_str entry;

		app = resolve(b, from->middleware[i].text, &entry);
		if (!app)
			continue; /* its module was already complained about */
		if (module_middleware(app, entry, &words, layer) < 0) {
			add_words(messages, &from->middleware[i].pos, &words);
			continue;
		}
		layer->next = route->io ? route->io : &asgi_io;
		route->io = layer;
		b->n_layers++;
	}
}

static int add_to_router(struct binding *b, struct router *router, weir_str path, uint64_t methods,
			 struct route *route, const struct conf_pos *pos, struct messages *messages)
{
	const char *words = NULL;
	void *conflict = NULL;
	int r;

	r = router_add(router, path, methods, route, &words, &conflict);
	if (r == -EINVAL)
		messages_add(messages, pos, "the path %.*s %s", WEIR_ARG(path), words);
	else if (r == -EEXIST)
		messages_add(messages, pos, "the path %.*s is already taken by %s", WEIR_ARG(path),
			     ((struct route *)conflict)->name);
	return r == -ENOMEM ? r : 0;
}

static struct ws_limits ws_limits(const struct conf_websocket *from)
{
	return (struct ws_limits){
		.max_message = from->max_message,
		.ping_interval_ms = from->ping_interval_ms,
		.ping_timeout_ms = from->ping_timeout_ms,
		.idle_ms = from->idle_timeout_ms,
		.lifetime_ms = from->max_lifetime_ms,
		.close_ms = from->close_timeout_ms,
		.slow = (enum ws_slow)from->slow_client,
		.queue_bytes = from->send_queue,
		.queue_ms = from->send_queue_age_ms,
		.has_deflate = from->has_deflate,
		.deflate = { .max_server_bits = (uint8_t)from->deflate_window,
			     .max_client_bits = (uint8_t)from->deflate_client_window,
			     .keeps_contexts = from->keeps_contexts },
		.deflate_min = from->deflate_min,
	};
}

static int bind_origins(struct route *route, const struct conf_route *from)
{
	weir_str *origins;

	if (from->n_allowed_origins == 0)
		return 0;
	origins = calloc(from->n_allowed_origins, sizeof(*origins));
	if (!origins)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_allowed_origins; i++)
		origins[i] = weir_strz(from->allowed_origins[i].text);
	route->origins = origins;
	route->n_origins = from->n_allowed_origins;
	return 0;
}

/* A handler is for requests or for WebSockets, and so is a route. */
static bool is_kind_good(const struct conf_route *from, const weir_handler_entry *handler,
			 struct messages *messages)
{
	if (module_is_websocket(handler) && !from->is_websocket)
		messages_add(messages, &from->handler.pos,
			     "handler: %s serves WebSockets: this route needs \"websocket: true\"",
			     from->handler.text);
	else if (!module_is_websocket(handler) && from->is_websocket)
		messages_add(messages, &from->handler.pos,
			     "handler: %s serves no WebSockets: its entry has no method \"WS\"",
			     from->handler.text);
	else if (handler->ws && from->n_middleware > 0)
		messages_add(messages, &from->middleware[0].pos,
			     "middleware: %s has a function for each message, which no layer "
			     "stands before",
			     from->handler.text);
	else
		return true;
	return false;
}

static void set_rate(struct route *route, const struct ratelimit_rule *rule)
{
	route->rate = rule;
	route->has_rules |= rule != NULL;
}

/* A rule of its own has a number of its own, and so buckets of its own. */
static void bind_rate(struct binding *b, struct route *route, const struct conf_route *from)
{
	struct ratelimit_rule *rule = &b->rates[b->n_routes + 1];

	if (!conf_front_has_own_rate(from)) {
		set_rate(route, b->stray);
		return;
	}
	if (from->rate_limit == 0)
		return;
	ratelimit_make(rule, (uint32_t)b->n_routes + 1, from->rate_limit, from->rate_period_ms,
		       from->rate_burst);
	set_rate(route, rule);
}

/* The first rule is for all who have none of their own. */
static int make_rates(struct binding *b, const struct conf *conf)
{
	const struct conf_front *front = &conf->front;

	b->rates = calloc(conf->n_routes + 1, sizeof(*b->rates));
	if (!b->rates)
		return -ENOMEM;
	if (front->rate_limit == 0)
		return 0;
	ratelimit_make(b->rates, 0, front->rate_limit, front->rate_period_ms, front->rate_burst);
	b->stray = b->rates;
	return 0;
}

/* Where nothing is said. */
static const weir_str usual_types[] = {
	{ "text/", 5 },
	{ "application/javascript", 22 },
	{ "application/json", 16 },
	{ "application/ld+json", 19 },
	{ "application/manifest+json", 25 },
	{ "application/problem+json", 24 },
	{ "application/rss+xml", 19 },
	{ "application/atom+xml", 20 },
	{ "application/xml", 15 },
	{ "application/xhtml+xml", 21 },
	{ "application/wasm", 16 },
	{ "image/svg+xml", 13 },
	{ "image/vnd.microsoft.icon", 24 },
	{ "font/ttf", 8 },
	{ "font/otf", 8 },
};

/* The layer next to the connection. */
static int bind_gzip(struct route *route, const struct conf_gzip *from)
{
	struct gzip_rules rules = { from->min, (int)from->level, usual_types,
				    ARRAY_LEN(usual_types) };
	weir_str *types;
	int r;

	if (!from->is_on || route->is_websocket)
		return 0;
	if (from->n_types > 0) {
		types = calloc(from->n_types, sizeof(*types));
		if (!types)
			return -ENOMEM;
		for (size_t i = 0; i < from->n_types; i++)
			types[i] = weir_strz(from->types[i].text);
		route->gzip_types = types;
		rules.types = types;
		rules.n_types = from->n_types;
	}
	r = gzip_new(&rules, &route->gzip);
	if (r >= 0)
		route->io = gzip_layer(route->gzip);
	return r;
}

static int bind_route(struct binding *b, const struct conf_route *from, struct messages *messages)
{
	struct route *route = &b->routes[b->n_routes];
	_cleanup_(buf_done) struct buf words = { 0 };
	weir_handler_entry handler;
	struct router *router;
	weir_str entry;
	int r;

	*route = (struct route){
		.name = from->handler.text,
		.path = from->path.text,
		.index = (uint32_t)b->n_routes,
		.max_body = from->max_body,
		.request_memory = from->request_memory,
		.half_close = (enum half_close)from->half_close,
		.pace_limits = { .body_ms = from->body_timeout_ms,
				 .send_ms = from->send_timeout_ms,
				 .min_rate = from->min_rate },
		.is_logged = from->has_access_log,
		.log_rule = { from->access_log_only_errors, from->access_log_sample },
		.ws_limits = ws_limits(&from->websocket),
	};
	route->app = resolve(b, from->handler.text, &entry);
	if (!route->app)
		return 0;
	if (module_handler(route->app, entry, &words, &handler) < 0) {
		add_words(messages, &from->handler.pos, &words);
		return 0;
	}
	if (!is_kind_good(from, &handler, messages))
		return 0;
	route->has_rules = https_make(&route->https, from->redirect_https, from->hsts_ms,
				      from->hsts_has_subdomains);
	bind_rate(b, route, from);
	route->fn = handler.fn;
	route->flags = handler.flags;
	route->is_websocket = from->is_websocket;
	route->is_page_too = builtin_is_page_too(handler.fn);
	route->ws_handlers = handler.ws;
	b->n_routes++;
	r = bind_gzip(route, &from->gzip);
	if (r < 0)
		return r;
	bind_middleware(b, route, from, messages);
	r = binding_answer(from, &b->shared, messages, &route->settings);
	if (r < 0)
		return r;
	r = bind_origins(route, from);
	if (r < 0)
		return r;
	router = hosts_router(b->hosts, from->host.text ? from->host.text : "");
	if (!router)
		return -ENOMEM;
	return add_to_router(b, router, weir_strz(from->path.text), from->methods, route,
			     &from->path.pos, messages);
}

static int bind_routes(struct binding *b, const struct conf *conf, struct messages *messages)
{
	size_t n_layers = 0;
	int r;

	for (size_t i = 0; i < conf->n_routes; i++)
		n_layers += conf->routes[i].n_middleware;
	b->routes = calloc(conf->n_routes + 1, sizeof(*b->routes));
	b->layers = calloc(n_layers + 1, sizeof(*b->layers));
	if (!b->routes || !b->layers)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_routes; i++) {
		r = bind_route(b, &conf->routes[i], messages);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- `weir run`: one module on its own paths */

static uint64_t run_methods(const weir_handler_entry *entry)
{
	enum http_method method;

	if (!entry->method)
		return ROUTER_ANY_METHOD;
	if (module_is_websocket(entry))
		return ROUTER_METHOD(HTTP_METHOD_GET);
	method = http_method_parse(weir_strz(entry->method));
	assert(method != HTTP_METHOD_UNKNOWN); /* module_open() has looked */
	return ROUTER_METHOD(method);
}

static int bind_own_path(struct binding *b, const struct conf *conf, struct weir_app *app,
			 const weir_handler_entry *entry, struct messages *messages)
{
	struct route *route = &b->routes[b->n_routes];
	char *name;
	int r;

	if (asprintf(&name, "%s.%s", app->name, entry->name) < 0)
		return -ENOMEM;
	*route = (struct route){
		.name = name,
		.path = entry->path,
		.index = (uint32_t)b->n_routes,
		.fn = entry->fn,
		.flags = entry->flags,
		.app = app,
		.max_body = conf->limits.max_body,
		.request_memory = conf->limits.request_memory,
		.half_close = HALF_CLOSE_CANCEL,
		.pace_limits = { .body_ms = conf->limits.body_timeout_ms,
				 .send_ms = conf->limits.send_timeout_ms,
				 .min_rate = conf->limits.min_rate },
		.is_logged = true,
		.is_websocket = module_is_websocket(entry),
		.ws_limits = ws_limits(&conf->limits.websocket),
		.ws_handlers = entry->ws,
	};
	b->names[b->n_routes++] = name;
	route->has_rules = https_make(&route->https, conf->limits.redirect_https,
				      conf->limits.hsts_ms, conf->limits.hsts_has_subdomains);
	set_rate(route, b->stray);
	r = bind_gzip(route, &conf->limits.gzip);
	if (r < 0)
		return r;
	return add_to_router(b, b->router, weir_strz(entry->path), run_methods(entry), route, NULL,
			     messages);
}

static int bind_run_module(struct binding *b, const struct conf *conf, const struct log *log,
			   struct messages *messages)
{
	struct weir_app *app;
	int r;

	if (b->n_apps == 0)
		return 0; /* said already */
	app = b->apps[0];
	b->routes = calloc(app->n_handlers + 1, sizeof(*b->routes));
	b->names = calloc(app->n_handlers + 1, sizeof(*b->names));
	if (!b->routes || !b->names)
		return -ENOMEM;
	for (size_t i = 0; i < app->n_handlers; i++) {
		weir_handler_entry entry = module_handler_at(app, i);

		if (!entry.path)
			continue;
		r = bind_own_path(b, conf, app, &entry, messages);
		if (r < 0)
			return r;
	}
	if (b->n_routes == 0)
		messages_add(messages, NULL,
			     "%s has no handler with a path of its own: give it "
			     "routes in a configuration file",
			     conf->run_module);
	return 0;
}

/* ---- */

int binding_new(const struct conf *conf, const struct log *log, struct messages *messages,
		struct binding **ret_binding)
{
	_cleanup_(binding_freep) struct binding *b = calloc(1, sizeof(*b));
	size_t n_errors = messages->n_errors;
	int r;

	if (!b)
		return -ENOMEM;
	b->hosts = hosts_new();
	b->apps = calloc(conf->n_modules + 2, sizeof(struct weir_app *));
	if (!b->hosts || !b->apps)
		return -ENOMEM;
	if (conf->front.unknown_hosts == CONF_UNKNOWN_HOSTS_REFUSE)
		hosts_refuse_unknown(b->hosts);
	r = make_rates(b, conf);
	if (r < 0)
		return r;
	r = open_modules(b, conf, log, messages);
	if (r < 0)
		return r;
	r = open_builtin(b, conf, log);
	if (r < 0)
		return r;
	if (conf->run_module)
		b->router = hosts_router(b->hosts, "");
	r = conf->run_module ? bind_run_module(b, conf, log, messages)
			     : bind_routes(b, conf, messages);
	if (r < 0)
		return r;
	if (messages->n_errors > n_errors)
		return -EINVAL;
	if (!hosts_are_named(b->hosts))
		b->router = hosts_router(b->hosts, "");
	*ret_binding = steal_ptr(b);
	return 0;
}

struct binding *binding_free(struct binding *b)
{
	if (!b)
		return NULL;
	(void)hosts_free(b->hosts);
	free(b->rates);
	for (size_t i = 0; b->names && i < b->n_routes; i++)
		free(b->names[i]);
	free(b->names);
	for (size_t i = 0; b->routes && i < b->n_routes; i++) {
		free((weir_str *)(uintptr_t)b->routes[i].origins);
		(void)builtin_settings_free(b->routes[i].settings);
		(void)gzip_free(b->routes[i].gzip);
		free((weir_str *)(uintptr_t)b->routes[i].gzip_types);
	}
	free(b->routes);
	binding_answer_done(&b->shared);
	free(b->layers);
	for (size_t i = 0; i < b->n_apps; i++)
		(void)module_free(b->apps[i]);
	free(b->apps);
	free(b);
	return NULL;
}
