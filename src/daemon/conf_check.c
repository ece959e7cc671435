/* conf_check.c - see conf_check.h. */
#include "daemon/conf_check.h"

#include <stdio.h>

#include "app/router.h"
#include "base/str.h"
#include "daemon/conf.h"
#include "daemon/conf_address.h"
#include "daemon/conf_value.h"
#include "daemon/messages.h"

/* " in line 7", or nothing for what is in no file. */
#define WHERE 32
static const char *where(const struct conf_pos *pos, char ret_text[WHERE])
{
	ret_text[0] = '\0';
	if (pos->line > 0)
		(void)snprintf(ret_text, WHERE, " in line %d", pos->line);
	return ret_text;
}

static void check_listen(const struct conf *conf, struct messages *messages)
{
	char line[WHERE];

	for (size_t i = 0; i < conf->n_listen; i++) {
		const struct conf_listen *listen = &conf->listen[i];

		for (size_t j = 0; j < i; j++) {
			const struct conf_listen *first = &conf->listen[j];

			if (!conf_address_overlaps(&first->address, &listen->address))
				continue;
			if (!strcmp(first->address.text, listen->address.text))
				messages_add(messages, &listen->pos, "%s is already there%s",
					     listen->address.text, where(&first->pos, line));
			else
				messages_add(
					messages, &listen->pos,
					"%s overlaps %s%s: only one of them can be listened on",
					listen->address.text, first->address.text,
					where(&first->pos, line));
			break;
		}
	}
}

static void check_modules(const struct conf *conf, struct messages *messages)
{
	char line[WHERE];

	for (size_t i = 0; i < conf->n_modules; i++) {
		const struct conf_module *module = &conf->modules[i];

		for (size_t j = 0; j < i; j++) {
			const struct conf_module *first = &conf->modules[j];

			if (strcmp(first->name, module->name) != 0)
				continue;
			messages_add(messages, &module->path.pos,
				     "a module of the name \"%s\" is already there%s", module->name,
				     where(&first->path.pos, line));
			break;
		}
	}
}

/* "shop.user": is there a module of that name? */
static void check_name(const struct conf *conf, const struct conf_name *name, const char *what,
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
		return;
	}
	if (conf_find_module(conf, module))
		return;
	for (size_t i = 0; i < conf->n_modules; i++)
		messages_guess(&guess, module, conf->modules[i].name);
	messages_add(messages, &name->pos, "%s: there is no module %s%s%s%s", what,
		     messages_quote(module, quote), guess.text ? "; did you mean \"" : "",
		     guess.text ? guess.text : "", guess.text ? "\"?" : "");
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

static int check_route(const struct conf *conf, struct router *router,
		       const struct conf_route *route, struct messages *messages)
{
	char quote[MESSAGES_QUOTE];
	const char *words = "";
	void *conflict = NULL;
	int r;

	check_name(conf, &route->handler, "handler", messages);
	for (size_t i = 0; i < route->n_middleware; i++)
		check_name(conf, &route->middleware[i], "middleware", messages);

	r = router_add(router, weir_strz(route->path.text), route->methods, (void *)route, &words,
		       &conflict);
	if (r == -EINVAL)
		messages_add(messages, &route->path.pos, "path: %s cannot be a route: %s",
			     messages_quote(weir_strz(route->path.text), quote), words);
	if (r == -EEXIST)
		refuse_duplicate(route, conflict, messages);
	return r == -ENOMEM ? r : 0;
}

static int check_routes(const struct conf *conf, struct messages *messages)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct conf_pos pos = { conf->file, 0, 0 };

	if (!router)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_routes; i++) {
		int r = check_route(conf, router, &conf->routes[i], messages);

		if (r < 0)
			return r;
	}
	if (conf->n_routes == 0 && !conf->run_module && messages->n_errors == 0)
		messages_warn(messages, &pos, "there are no routes: every request is answered 404");
	return 0;
}

static void check_limits(const struct conf *conf, struct messages *messages)
{
	struct conf_pos pos = { conf->file, 0, 0 };
	char target[CONF_VALUE_TEXT], head[CONF_VALUE_TEXT];

	if (conf->limits.max_target > conf->limits.max_head)
		messages_add(messages, &pos,
			     "max_target is %s, but the whole head may only have %s (max_head)",
			     conf_value_size_text(conf->limits.max_target, target),
			     conf_value_size_text(conf->limits.max_head, head));
}

int conf_check(const struct conf *conf, struct messages *messages)
{
	check_limits(conf, messages);
	check_listen(conf, messages);
	check_modules(conf, messages);
	return check_routes(conf, messages);
}
