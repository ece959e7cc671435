/* option_print.c - see option_print.h. */
#include "conf/option_print.h"

#include <stdio.h>

#include "base/str.h"
#include "conf/conf_value.h"
#include "conf/option_table.h"
#include "conf/option_value.h"

/* Each line of text with prefix in front. */
static int print_lines(struct buf *out, const char *prefix, const char *text)
{
	weir_str rest = weir_strz(text);

	while (rest.len > 0) {
		weir_str line = str_split(&rest, '\n');
		int r = buf_printf(out, "%s%.*s\n", prefix, WEIR_ARG(line));

		if (r < 0)
			return r;
	}
	return 0;
}

static const char *limit_text(const struct option_spec *option, uint64_t limit, char *ret_text)
{
	if (option->type == OPTION_SIZE)
		return conf_value_size_text(limit, ret_text);
	if (option->type == OPTION_DURATION)
		return conf_value_duration_text(limit, ret_text);
	if (option->type == OPTION_RATE)
		return conf_value_rate_text(limit, ret_text);
	(void)snprintf(ret_text, CONF_VALUE_TEXT, "%llu", (unsigned long long)limit);
	return ret_text;
}

static const char *type_word(enum option_type type)
{
	switch (type) {
	case OPTION_COUNT:
		return "number";
	case OPTION_SIZE:
		return "size";
	case OPTION_DURATION:
		return "duration";
	case OPTION_RATE:
		return "rate";
	case OPTION_WORKERS:
		return "auto or number";
	default:
		return option_value_type_words(type);
	}
}

/* "size, 1KiB to 1MiB", "cancel, finish". */
static int print_type(struct buf *out, const struct option_spec *option)
{
	char min[CONF_VALUE_TEXT], max[CONF_VALUE_TEXT];
	int r = 0;

	if (option->type == OPTION_CHOICE) {
		for (const struct option_choice *c = option->choices; c->word && r >= 0; c++)
			r = buf_printf(out, "%s%s", c == option->choices ? "" : ", ", c->word);
		return r;
	}
	r = buf_printf(out, "%s", type_word(option->type));
	if (r < 0 || option->max == 0)
		return r;
	return buf_printf(out, ", %s to %s", limit_text(option, option->min, min),
			  limit_text(option, option->max, max));
}

static int print_facts(struct buf *out, const char *prefix, const struct option_spec *option)
{
	char env[OPTION_ENV];
	int r;

	r = buf_printf(out, "%s(", prefix);
	if (r >= 0)
		r = print_type(out, option);
	if (r >= 0 && option->is_required)
		r = buf_printf(out, "; required");
	if (r >= 0 && option->is_one_of)
		r = buf_printf(out, "; one of these is required");
	if (r >= 0 && option->kind != OPTION_OF_ALL)
		r = buf_printf(out, "; %s websocket: true",
			       option->kind == OPTION_OF_WEBSOCKETS ? "only with" : "not with");
	if (r >= 0 && option->fallback)
		r = buf_printf(out, "; default %s", option->fallback);
	if (r >= 0 && option_table_env(option, env))
		r = buf_printf(out, "; %s%s%s", env, option->env ? " or " : "",
			       option->env ? option->env : "");
	return r < 0 ? r : buf_printf(out, ")\n");
}

static int print_place(struct buf *out, enum option_place place, const char *title)
{
	int r;

	r = buf_printf(out, "\n%s\n", title);
	for (const struct option_spec *o = option_table_next(place, NULL); o && r >= 0;
	     o = option_table_next(place, o)) {
		r = buf_printf(out, "\n  %s\n", o->name);
		if (r >= 0)
			r = print_lines(out, "      ", o->help);
		if (r >= 0)
			r = print_facts(out, "      ", o);
	}
	return r;
}

int option_print_help(struct buf *out)
{
	int r;

	r = print_lines(
		out, "",
		"The configuration file is YAML: keys and values, lists, no anchors, aliases or\n"
		"tags. Sizes are written 64KiB or 1MiB, times 250ms, 10s, 2m or 1h. ${NAME} in a\n"
		"value is a variable of the environment, ${NAME:-default} has a default, and $${\n"
		"is a plain ${. Relative paths are relative to the file's directory. The command\n"
		"line wins over WEIR_NAME in the environment, that over the file, and the file\n"
		"over the defaults.");
	if (r >= 0)
		r = print_place(out, OPTION_TOP, "Keys of the whole file:");
	if (r >= 0)
		r = print_place(out, OPTION_LISTEN, "Keys of each listener, in listen:");
	if (r >= 0)
		r = print_place(out, OPTION_TLS, "Keys of tls: of a listener:");
	if (r >= 0)
		r = print_place(out, OPTION_CERTIFICATE, "Keys of each certificate, in tls:");
	if (r >= 0)
		r = print_place(out, OPTION_MODULE, "Keys of each module, in modules:");
	if (r >= 0)
		r = print_place(out, OPTION_ROUTE, "Keys of each route, in routes:");
	if (r >= 0)
		r = print_place(out, OPTION_STATIC, "Keys of static: of a route:");
	if (r >= 0)
		r = print_place(out, OPTION_REDIRECT, "Keys of redirect: of a route:");
	if (r >= 0)
		r = print_place(out, OPTION_RESPOND, "Keys of respond: of a route:");
	if (r >= 0)
		r = print_place(out, OPTION_JOBS, "Keys of jobs:");
	if (r >= 0)
		r = print_place(out, OPTION_POOL, "Keys of each pool, in pools: of jobs:");
	if (r >= 0)
		r = print_place(out, OPTION_HEALTH, "Keys of health:");
	if (r >= 0)
		r = print_place(out, OPTION_CONTROL, "Keys of control:");
	return r;
}

/* The keys of a mapping, or of a list's items, in short. */
static int print_inner_keys(struct buf *out, const struct option_spec *option)
{
	enum option_place place = option->items;
	int r = buf_printf(out, "#\n# Keys of %s:\n", option->type == OPTION_ITEMS ? "each" : "it");

	for (const struct option_spec *o = option_table_next(place, NULL); o && r >= 0;
	     o = option_table_next(place, o)) {
		r = buf_printf(out, "#   %s ", o->name);
		if (r >= 0)
			r = print_facts(out, "", o);
		if (r >= 0)
			r = print_lines(out, "#       ", o->help);
	}
	return r < 0 ? r : buf_printf(out, "#\n");
}

static int print_default(struct buf *out, const struct option_spec *option)
{
	int r;

	r = buf_printf(out, "\n");
	if (r >= 0)
		r = print_lines(out, "# ", option->help);
	if (r >= 0)
		r = print_facts(out, "# ", option);
	if (r >= 0 && (option->type == OPTION_ITEMS || option->type == OPTION_MAPPING))
		r = print_inner_keys(out, option);
	if (r < 0)
		return r;
	if (option->example)
		return print_lines(out, "#", option->example);
	return buf_printf(out, "#%s: %s\n", option->name, option->fallback);
}

int option_print_default(struct buf *out)
{
	int r;

	r = print_lines(
		out, "# ",
		"weir's configuration. Every option is here with its default, or an example\n"
		"where there is none; take away a leading # to set it. `weir -t -c FILE` checks\n"
		"a file, `weir --help-config` explains. Sizes are written 64KiB or 1MiB, times\n"
		"250ms, 10s, 2m or 1h. Values may hold ${NAME} and ${NAME:-default}; relative\n"
		"paths are relative to this file's directory.\n"
		"This file is made by `weir --print-default`.");
	for (const struct option_spec *o = option_table_next(OPTION_TOP, NULL); o && r >= 0;
	     o = option_table_next(OPTION_TOP, o))
		r = print_default(out, o);
	return r;
}
