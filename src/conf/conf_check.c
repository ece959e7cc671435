/* conf_check.c - see conf_check.h. */
#include "conf/conf_check.h"

#include <errno.h>
#include <stdio.h>

#include "app/builtin.h"
#include "app/hosts.h"
#include "app/router.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/conf_address.h"
#include "conf/conf_answer.h"
#include "conf/conf_ctl.h"
#include "conf/conf_front.h"
#include "conf/conf_jobs.h"
#include "conf/conf_origin.h"
#include "conf/conf_privileges.h"
#include "conf/conf_tls.h"
#include "conf/conf_value.h"
#include "conf/messages.h"
#include "conf/option_table.h"
#include "serve/access_format.h"
#include "serve/ws_policy.h"

/* " in line 7", or nothing for what is in no file. */
#define WHERE 32
static const char *where(const struct conf_pos *pos, char ret_text[WHERE])
{
	ret_text[0] = '\0';
	if (pos->line > 0)
		(void)snprintf(ret_text, WHERE, " in line %d", pos->line);
	return ret_text;
}

/* Does it get in the way of one before it? */
static bool is_listener_good(const struct conf *conf, const struct conf_listen *listen,
			     struct messages *messages)
{
	char line[WHERE];

	for (const struct conf_listen *first = conf->listen; first < listen; first++) {
		if (!conf_address_overlaps(&first->address, &listen->address))
			continue;
		where(&first->pos, line);
		if (!strcmp(first->address.text, listen->address.text))
			messages_add(messages, &listen->pos, "%s is already there%s",
				     listen->address.text, line);
		else
			messages_add(messages, &listen->pos,
				     "%s overlaps %s%s: only one of them can be listened on",
				     listen->address.text, first->address.text, line);
		return false;
	}
	return true;
}

static bool is_module_good(const struct conf *conf, const struct conf_module *module,
			   struct messages *messages)
{
	char line[WHERE];

	if (!strcmp(module->name, BUILTIN_MODULE)) {
		messages_add(messages, &module->path.pos,
			     "the name \"%s\" is for the server's own handlers: give the module "
			     "another",
			     module->name);
		return false;
	}
	for (const struct conf_module *first = conf->modules; first < module; first++) {
		if (strcmp(first->name, module->name) != 0)
			continue;
		messages_add(messages, &module->path.pos,
			     "a module of the name \"%s\" is already there%s", module->name,
			     where(&first->path.pos, line));
		return false;
	}
	return true;
}

/* "shop.user": is there a module of that name? */
static bool is_name_good(const struct conf *conf, const struct conf_name *name, const char *what,
			 struct messages *messages)
{
	struct messages_guess guess = { 0 };
	char quote[MESSAGES_QUOTE];
	weir_str module, entry;
	int r;

	r = conf_split_name(name->text, &module, &entry);
	if (r < 0) {
		messages_add(messages, &name->pos, "%s: %s is not of the form MODULE.NAME", what,
			     messages_quote(weir_strz(name->text), quote));
		return false;
	}
	if (conf_find_module(conf, module) || weir_str_eq(module, WEIR_STR(BUILTIN_MODULE)))
		return true;
	messages_guess(&guess, module, BUILTIN_MODULE);
	for (size_t i = 0; i < conf->n_modules; i++)
		messages_guess(&guess, module, conf->modules[i].name);
	messages_add(messages, &name->pos, "%s: there is no module %s%s%s%s", what,
		     messages_quote(module, quote), guess.text ? "; did you mean \"" : "",
		     guess.text ? guess.text : "", guess.text ? "\"?" : "");
	return false;
}

static void refuse_duplicate(const struct conf_route *route, const struct conf_route *first,
			     struct messages *messages)
{
	char quote[MESSAGES_QUOTE], line[WHERE];

	messages_quote(weir_strz(route->path.text), quote);
	where(&first->path.pos, line);
	if (!strcmp(route->path.text, first->path.text))
		messages_add(messages, &route->path.pos,
			     "path: %s is already there%s, with a method of this route", quote,
			     line);
	else
		messages_add(messages, &route->path.pos,
			     "path: %s is shadowed by %s%s: the same paths, with a method of this "
			     "route",
			     quote, first->path.text, line);
}

/* Does it say only what makes sense for its kind of route? */
static bool is_kind_good(struct conf_route *route, struct messages *messages)
{
	enum option_kind other = route->is_websocket ? OPTION_OF_HTTP : OPTION_OF_WEBSOCKETS;
	bool is_good = true;

	for (const struct option_spec *o = option_table_next(OPTION_ROUTE, NULL); o;
	     o = option_table_next(OPTION_ROUTE, o)) {
		const struct conf_pos *pos = conf_origin_get(o, route);

		if (o->kind != other || !pos->file)
			continue;
		if (route->is_websocket && o->is_one_of)
			messages_add(messages, pos, "%s: a WebSocket needs a handler", o->name);
		else if (route->is_websocket)
			messages_add(messages, pos,
				     "%s: a WebSocket's handshake is a GET: leave it out", o->name);
		else
			messages_add(messages, pos,
				     "%s is for WebSockets: this route needs \"websocket: true\"",
				     o->name);
		is_good = false;
	}
	if (route->is_websocket)
		route->methods = ROUTER_METHOD(HTTP_METHOD_GET);
	return is_good;
}

/* A queue that may be longer than all of them together would never be full by itself. */
static void check_send_queue(const struct conf *conf, const struct conf_route *route,
			     struct messages *messages)
{
	char queue[CONF_VALUE_TEXT], budget[CONF_VALUE_TEXT];

	if (!route->is_websocket || route->websocket.slow_client == WS_SLOW_WAIT)
		return;
	if (conf->limits.send_queue_budget == 0 ||
	    route->websocket.send_queue <= conf->limits.send_queue_budget)
		return;
	messages_add(messages, &route->path.pos,
		     "this route's send_queue is %s, but all of a worker may only have %s "
		     "(send_queue_budget)",
		     conf_value_size_text(route->websocket.send_queue, queue),
		     conf_value_size_text(conf->limits.send_queue_budget, budget));
}

/* 1, 0 when it is not good, or -ENOMEM. */
static int is_route_good(struct conf *conf, struct hosts *hosts, struct conf_route *route,
			 struct messages *messages)
{
	struct router *router;
	bool is_good = conf_answer_check(route, messages);
	char quote[MESSAGES_QUOTE];
	const char *words = "";
	void *conflict = NULL;
	int r;

	if (is_good)
		is_good = is_name_good(conf, &route->handler, "handler", messages);
	is_good &= is_kind_good(route, messages);
	check_send_queue(conf, route, messages);
	for (size_t i = 0; i < route->n_middleware; i++)
		is_good &= is_name_good(conf, &route->middleware[i], "middleware", messages);

	r = conf_front_spell(conf, route, messages);
	if (r <= 0)
		return r;
	router = hosts_router(hosts, route->host.text ? route->host.text : "");
	if (!router)
		return -ENOMEM;
	r = router_add(router, weir_strz(route->path.text), route->methods, (void *)route, &words,
		       &conflict);
	if (r == -EINVAL)
		messages_add(messages, &route->path.pos, "path: %s cannot be a route: %s",
			     messages_quote(weir_strz(route->path.text), quote), words);
	if (r == -EEXIST)
		refuse_duplicate(route, conflict, messages);
	return r == -ENOMEM ? r : r == 0 && is_good;
}

static void check_listeners(struct conf *conf, struct messages *messages)
{
	/* conf is still being made; its lists become read-only when it is handed out. */
	struct conf_listen *listen = (struct conf_listen *)conf->listen;
	size_t n = conf->n_listen;

	conf->n_listen = 0;
	for (size_t i = 0; i < n; i++) {
		listen[conf->n_listen] = listen[i];
		conf->n_listen += is_listener_good(conf, &listen[conf->n_listen], messages);
	}
}

static void check_modules(struct conf *conf, struct messages *messages)
{
	struct conf_module *modules = (struct conf_module *)conf->modules;
	size_t n = conf->n_modules;

	conf->n_modules = 0;
	for (size_t i = 0; i < n; i++) {
		modules[conf->n_modules] = modules[i];
		conf->n_modules += is_module_good(conf, &modules[conf->n_modules], messages);
	}
}

static int check_routes(struct conf *conf, struct messages *messages)
{
	_cleanup_(hosts_freep) struct hosts *hosts = hosts_new();
	struct conf_route *routes = (struct conf_route *)conf->routes;
	struct conf_pos pos = { conf->file, 0, 0 };
	size_t n_good = 0;

	if (!hosts)
		return -ENOMEM;
	/* The router points to routes where they are: they move when it has seen all of them. */
	for (size_t i = 0; i < conf->n_routes; i++) {
		int r = is_route_good(conf, hosts, &routes[i], messages);

		if (r < 0)
			return r;
		if (r == 0)
			routes[i].handler.text = NULL;
	}
	for (size_t i = 0; i < conf->n_routes; i++) {
		routes[n_good] = routes[i];
		n_good += routes[i].handler.text != NULL;
	}
	conf->n_routes = n_good;
	if (n_good == 0 && !conf->run_module && messages->n_errors == 0)
		messages_warn(messages, &pos, "there are no routes: every request is answered 404");
	return 0;
}

static void check_watchdog(const struct conf *conf, const struct conf_pos *pos,
			   struct messages *messages)
{
	int64_t limit_ms = conf->limits.stall_limit_ms, abort_ms = conf->limits.stall_abort_ms;
	char limit[CONF_VALUE_TEXT], abort[CONF_VALUE_TEXT];

	if (abort_ms == 0 || (limit_ms > 0 && limit_ms <= abort_ms))
		return;
	messages_add(messages, pos,
		     limit_ms ? "stall_abort is %s, but nobody looks before %s (stall_limit)"
			      : "stall_abort is %s, but nobody looks: stall_limit is %s",
		     conf_value_duration_text((uint64_t)abort_ms, abort),
		     conf_value_duration_text((uint64_t)limit_ms, limit));
}

/* What field may have been meant? */
static void check_log_format(const struct conf *conf, struct messages *messages)
{
	const struct conf_name *name = &conf->access_log_format;
	_cleanup_(access_format_freep) struct access_format *format = NULL;
	struct messages_guess guess = { 0 };
	char quote[MESSAGES_QUOTE];
	const char *words = "";
	weir_str field;

	if (!name->text || access_format_is_combined(weir_strz(name->text)) ||
	    access_format_new(weir_strz(name->text), &format, &words, &field) != -EINVAL)
		return;
	for (size_t i = 0; field.len > 0 && access_format_field(i); i++)
		messages_guess(&guess, field, access_format_field(i));
	messages_add(messages, &name->pos, "access_log_format: it %s%s%s%s%s%s", words,
		     field.len > 0 ? ": " : "", field.len > 0 ? messages_quote(field, quote) : "",
		     guess.text ? "; did you mean \"" : "", guess.text ? guess.text : "",
		     guess.text ? "\"?" : "");
}

static void check_limits(const struct conf *conf, struct messages *messages)
{
	struct conf_pos pos = { conf->file, 0, 0 };
	char target[CONF_VALUE_TEXT], head[CONF_VALUE_TEXT];
	char budget[CONF_VALUE_TEXT], high_water[CONF_VALUE_TEXT], publication[CONF_VALUE_TEXT];

	if (conf->limits.max_target > conf->limits.max_head)
		messages_add(messages, &pos,
			     "max_target is %s, but the whole head may only have %s (max_head)",
			     conf_value_size_text(conf->limits.max_target, target),
			     conf_value_size_text(conf->limits.max_head, head));
	if (conf->limits.memory_budget / 2 < conf->limits.high_water)
		messages_add(
			messages, &pos,
			"memory_budget is %s, less than two clients may have queued (high_water: "
			"%s)",
			conf_value_size_text(conf->limits.memory_budget, budget),
			conf_value_size_text(conf->limits.high_water, high_water));
	if (conf->limits.publish_budget > 0 &&
	    conf->limits.publish_budget < conf->limits.max_publication)
		messages_add(messages, &pos,
			     "publish_budget is %s, less than one message may have "
			     "(max_publication: %s)",
			     conf_value_size_text(conf->limits.publish_budget, budget),
			     conf_value_size_text(conf->limits.max_publication, publication));
	check_watchdog(conf, &pos, messages);
	check_log_format(conf, messages);
}

int conf_check(struct conf *conf, struct messages *messages)
{
	int r;

	check_limits(conf, messages);
	check_listeners(conf, messages);
	conf_privileges_check(conf, messages);
	r = conf_tls_check(conf, messages);
	if (r < 0)
		return r;
	r = conf_front_check(conf, messages);
	if (r < 0)
		return r;
	r = conf_ctl_check(conf, messages);
	if (r < 0)
		return r;
	check_modules(conf, messages);
	conf_jobs_check(conf, messages);
	return check_routes(conf, messages);
}
