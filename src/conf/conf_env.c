/* conf_env.c - see conf_env.h. */
#include "conf/conf_env.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "conf/cli.h"
#include "conf/conf_origin.h"
#include "conf/conf_read.h"
#include "conf/messages.h"
#include "conf/option_value.h"

/* An empty variable is as good as none: that is how shells and units unset one. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* source is "--workers" or a variable's name; dir is what a relative path is relative to. */
static int set_value(struct conf *conf, const struct option_spec *option, const char *source,
		     const char *text, struct messages *messages)
{
	struct option_context context = { .arena = &conf->arena, .dir = conf->cwd };
	char words[OPTION_WORDS];
	int r;

	/* It outlives what the caller has put together. */
	context.pos.file = arena_copy(&conf->arena, (weir_str){ source, strlen(source) + 1 }).ptr;
	if (!context.pos.file)
		return -ENOMEM;
	r = option_value_set(option, weir_strz(text), &context, conf, words);
	if (r == -EINVAL)
		messages_add(messages, &context.pos, "%s", words);
	if (r == 0)
		conf_origin_set(option, conf, &context.pos);
	return r == -ENOMEM ? r : 0;
}

int conf_env_values(struct conf *conf, const struct cli *cli, struct messages *messages)
{
	for (const struct option_spec *o = option_table_next(OPTION_TOP, NULL); o;
	     o = option_table_next(OPTION_TOP, o)) {
		char name[OPTION_ENV];
		const char *source = name, *text = NULL;
		int r;

		if (option_table_is_list(o) || !option_table_env(o, name))
			continue;
		text = variable(name);
		if (!text && o->env) {
			source = o->env;
			text = variable(source);
		}
		if (o->type == OPTION_WORKERS && cli->workers) {
			source = "--workers";
			text = cli->workers;
		}
		if (!text)
			continue;
		r = set_value(conf, o, source, text, messages);
		if (r < 0)
			return r;
	}
	return 0;
}

struct listeners {
	struct conf_listen *items;
	size_t n;
};

static int add_listener(struct conf *conf, struct listeners *listeners, weir_str text,
			const char *source, struct messages *messages)
{
	const struct option_spec *address = option_table_find(OPTION_LISTEN, WEIR_STR("address"));
	struct conf_listen *listen = &listeners->items[listeners->n];
	struct option_context context = { .arena = &conf->arena,
					  .dir = conf->cwd,
					  .pos = { source, 0, 0 } };
	char words[OPTION_WORDS];
	int r;

	if (listeners->n == CLI_MAX_LISTEN) {
		messages_add(messages, &context.pos, "more than %d addresses", CLI_MAX_LISTEN);
		return 0;
	}
	memset(listen, 0, sizeof(*listen));
	r = conf_read_defaults(conf, OPTION_LISTEN, listen);
	if (r < 0)
		return r;
	r = option_value_set(address, text, &context, listen, words);
	if (r == -EINVAL)
		messages_add(messages, &context.pos, "%s", words);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	listen->pos = context.pos;
	conf_origin_set(address, listen, &context.pos);
	listeners->n++;
	return 0;
}

/* Addresses with spaces or commas between them. */
static int add_listeners(struct conf *conf, struct listeners *listeners, const char *text,
			 const char *source, struct messages *messages)
{
	while (*text) {
		size_t len = strcspn(text, " ,");
		int r = 0;

		if (len > 0)
			r = add_listener(conf, listeners, (weir_str){ text, len }, source,
					 messages);
		if (r < 0)
			return r;
		text += len + (text[len] != '\0');
	}
	return 0;
}

static int add_port(struct conf *conf, struct listeners *listeners, const char *port,
		    struct messages *messages)
{
	struct conf_pos pos = { "PORT", 0, 0 };
	char address[32], quote[MESSAGES_QUOTE];
	uint64_t number;

	if (str_to_u64(weir_strz(port), &number) < 0 || number < 1 || number > 65535) {
		messages_add(messages, &pos, "%s is not a port from 1 to 65535",
			     messages_quote(weir_strz(port), quote));
		return 0;
	}
	(void)snprintf(address, sizeof(address), "*:%u", (unsigned)number);
	return add_listener(conf, listeners, weir_strz(address), "PORT", messages);
}

/* From the strongest source that says anything. */
static int collect(struct conf *conf, const struct cli *cli, struct listeners *listeners,
		   struct messages *messages)
{
	if (cli->n_listen > 0) {
		for (size_t i = 0; i < cli->n_listen; i++) {
			int r = add_listener(conf, listeners, weir_strz(cli->listen[i]), "--listen",
					     messages);

			if (r < 0)
				return r;
		}
		return 0;
	}
	if (variable("WEIR_LISTEN"))
		return add_listeners(conf, listeners, variable("WEIR_LISTEN"), "WEIR_LISTEN",
				     messages);
	if (variable("PORT"))
		return add_port(conf, listeners, variable("PORT"), messages);
	if (conf->n_listen == 0 && messages->n_errors == 0)
		return add_listeners(conf, listeners,
				     option_table_find(OPTION_TOP, WEIR_STR("listen"))->fallback,
				     NULL, messages);
	return 0;
}

int conf_env_listen(struct conf *conf, const struct cli *cli, struct messages *messages)
{
	struct listeners listeners = { 0 };
	int r;

	listeners.items = arena_alloc(&conf->arena, CLI_MAX_LISTEN * sizeof(*listeners.items));
	if (!listeners.items)
		return -ENOMEM;
	r = collect(conf, cli, &listeners, messages);
	if (r < 0)
		return r;
	if (listeners.n > 0) {
		conf->listen = listeners.items;
		conf->n_listen = listeners.n;
		conf_origin_set(option_table_find(OPTION_TOP, WEIR_STR("listen")), conf,
				&listeners.items[0].pos);
	}
	return 0;
}
