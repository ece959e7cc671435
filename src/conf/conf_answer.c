/* conf_answer.c - see conf_answer.h. */
#include "conf/conf_answer.h"

#include <string.h>

#include "app/builtin.h"
#include "app/redirect.h"
#include "app/router.h"
#include "app/static.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/conf_origin.h"
#include "conf/messages.h"
#include "conf/option_table.h"
#include "proto/http.h"

/* Where a key of the route, or of such a mapping, stands. */
static const struct conf_pos *origin(enum option_place place, const char *name, const void *base)
{
	return conf_origin_get(option_table_find(place, weir_strz(name)), base);
}

/* "/a/{name...}": what follows the slash is a file's path. */
static bool ends_with_rest(const char *path)
{
	size_t len = strlen(path);

	return len > 5 && !strcmp(path + len - 4, "...}");
}

static bool is_index_good(const struct conf_static *files, struct messages *messages)
{
	bool is_good = true;

	for (size_t i = 0; i < files->n_index; i++) {
		const struct conf_name *name = &files->index[i];
		char quote[MESSAGES_QUOTE];

		if (name->text[0] && !strchr(name->text, '/'))
			continue;
		messages_add(messages, &name->pos,
			     "index: %s is not a file's name in each directory",
			     messages_quote(weir_strz(name->text), quote));
		is_good = false;
	}
	if (files->n_index > STATIC_MAX_INDEX) {
		messages_add(messages, &files->index[STATIC_MAX_INDEX].pos,
			     "index: more than %d names", STATIC_MAX_INDEX);
		is_good = false;
	}
	return is_good;
}

static bool check_static(struct conf_route *route, struct messages *messages)
{
	const uint64_t get = ROUTER_METHOD(HTTP_METHOD_GET), head = ROUTER_METHOD(HTTP_METHOD_HEAD);
	const struct conf_static *files = &route->files;
	bool is_good = is_index_good(files, messages);

	if (!ends_with_rest(route->path.text)) {
		messages_add(
			messages, &route->path.pos,
			"path: a route with \"static\" ends with a parameter for the file's path, "
			"as %s%s{path...}",
			route->path.text,
			route->path.text[strlen(route->path.text) - 1] == '/' ? "" : "/");
		is_good = false;
	}
	if (files->cache_control.text && !http_is_value(weir_strz(files->cache_control.text))) {
		messages_add(messages, &files->cache_control.pos,
			     "cache_control: no field can have this value");
		is_good = false;
	}
	if (strspn(files->charset.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					"0123456789_.:+-") != strlen(files->charset.text) ||
	    strlen(files->charset.text) > 40) {
		messages_add(messages, &files->charset.pos, "charset: this is no name of one");
		is_good = false;
	}
	if (route->methods & ~(get | head)) {
		messages_add(messages, origin(OPTION_ROUTE, "methods", route),
			     "methods: files are only read, with GET and HEAD");
		is_good = false;
	}
	if (route->methods == 0)
		route->methods = get;
	return is_good;
}

static bool check_redirect(const struct conf_route *route, struct messages *messages)
{
	const struct conf_redirect *redirect = &route->redirect;
	bool is_status_good = redirect->status <= 303 || redirect->status >= 307;
	char words[REDIRECT_WORDS];
	int r;

	if (!is_status_good)
		messages_add(messages, origin(OPTION_REDIRECT, "status", redirect),
			     "status: %u is no redirection: say 301, 302, 303, 307 or 308",
			     redirect->status);
	r = redirect_check(redirect->to.text, route->path.text, words);
	if (r < 0)
		messages_add(messages, &redirect->to.pos, "to: %s", words);
	return is_status_good && r >= 0;
}

static bool check_respond(const struct conf_respond *respond, struct messages *messages)
{
	bool is_good = true;

	if (!http_is_value(weir_strz(respond->type.text))) {
		messages_add(messages, &respond->type.pos, "type: no field can have this value");
		is_good = false;
	}
	for (size_t i = 0; i < respond->n_headers; i++) {
		weir_str name = weir_strz(respond->headers[i].key);
		weir_str value = weir_strz(respond->headers[i].value);
		char quote[MESSAGES_QUOTE];
		bool is_own = str_eq_nocase(name, WEIR_STR("content-length")) ||
			      str_eq_nocase(name, WEIR_STR("content-type"));

		if (!is_own && http_field_check(name, value) >= 0)
			continue;
		messages_add(messages, &respond->header_origins[i], "headers: %s %s",
			     messages_quote(name, quote),
			     is_own ? "is not set here: the server knows the length, and \"type\" "
				      "says the type"
				    : "is not a field that can be set, or has a value that none "
				      "can have");
		is_good = false;
	}
	if (respond->body.text && !http_status_has_body((int)respond->status)) {
		messages_add(messages, &respond->body.pos, "body: an answer of status %u has none",
			     respond->status);
		is_good = false;
	}
	return is_good;
}

static bool check_handler(const struct conf_route *route, struct messages *messages)
{
	static const char *const made[] = { "static", "redirect", "respond" };
	weir_str module, entry;

	if (conf_split_name(route->handler.text, &module, &entry) < 0 ||
	    !weir_str_eq(module, WEIR_STR(BUILTIN_MODULE)))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		if (!weir_str_eq(entry, weir_strz(made[i])))
			continue;
		messages_add(messages, &route->handler.pos,
			     "handler: %s has to be told what to do: write \"%s: {...}\" instead",
			     route->handler.text, made[i]);
		return false;
	}
	return true;
}

/* The mapping's place, or file NULL. */
static bool has(struct conf_route *route, const char *name, enum conf_answer answer,
		const char *handler)
{
	const struct conf_pos *pos = origin(OPTION_ROUTE, name, route);

	if (!pos->file)
		return false;
	route->answer = answer;
	route->handler = (struct conf_name){ handler, *pos };
	return true;
}

bool conf_answer_check(struct conf_route *route, struct messages *messages)
{
	if (has(route, "static", CONF_ANSWER_STATIC, BUILTIN_MODULE ".static"))
		return check_static(route, messages);
	if (has(route, "redirect", CONF_ANSWER_REDIRECT, BUILTIN_MODULE ".redirect"))
		return check_redirect(route, messages);
	if (has(route, "respond", CONF_ANSWER_RESPOND, BUILTIN_MODULE ".respond"))
		return check_respond(&route->respond, messages);
	return check_handler(route, messages);
}
