/*
 * conf_print.c - see conf_print.h. What is text is always quoted: nobody has to
 * think about what YAML would make of it otherwise. ${ in it is doubled, since the
 * variables were replaced when it was read.
 */
#include "conf/conf_print.h"

#include <stdio.h>

#include "base/str.h"
#include "conf/conf.h"
#include "conf/conf_origin.h"
#include "conf/conf_value.h"
#include "conf/option_table.h"
#include "proto/http.h"

/* YAML ends the search for a key's colon behind 1 024 characters; then it wants a "?". */
#define LONG_KEY 250

struct printer {
	const struct conf *conf;
	struct buf *out;
	bool has_origins;
	int r; /* 0, or what went wrong first */
};

static void put(struct printer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct printer *p, const char *fmt, ...)
{
	va_list ap;

	if (p->r < 0)
		return;
	va_start(ap, fmt);
	p->r = buf_vprintf(p->out, fmt, ap);
	va_end(ap);
}

/* Characters that YAML takes for the end of a line, or for no text at all, in 2 or 3 bytes. */
static size_t odd_character(weir_str rest, unsigned *ret_code)
{
	const unsigned char *c = (const unsigned char *)rest.ptr;

	if (rest.len >= 2 && c[0] == 0xc2 && c[1] < 0xa0) {
		*ret_code = c[1];
		return 2;
	}
	if (rest.len < 3 || c[0] < 0xe0 || c[0] > 0xef)
		return 0;
	*ret_code = (unsigned)(c[0] & 0x0f) << 12 | (unsigned)(c[1] & 0x3f) << 6 | (c[2] & 0x3f);
	if (*ret_code == 0x2028 || *ret_code == 0x2029 || *ret_code == 0xfeff ||
	    *ret_code >= 0xfffe)
		return 3;
	return 0;
}

static void put_quoted(struct printer *p, const char *text, bool is_expanded)
{
	weir_str rest = weir_strz(text);
	unsigned code = 0;

	put(p, "\"");
	while (rest.len > 0) {
		unsigned char c = (unsigned char)rest.ptr[0];
		size_t n = odd_character(rest, &code);

		if (n > 0)
			put(p, "\\u%04x", code);
		else if (c == '"' || c == '\\')
			put(p, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			put(p, "\\x%02x", c);
		else
			put(p, "%s%c", is_expanded && str_starts(rest, WEIR_STR("${")) ? "$" : "",
			    c);
		n = n ? n : 1;
		rest = (weir_str){ rest.ptr + n, rest.len - n };
	}
	put(p, "\"");
}

/* A file's name in a comment: nothing in it may end the line. */
static void put_plain(struct printer *p, const char *text)
{
	for (; *text; text++)
		put(p, "%c", (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

/* A route's value may be what is said for the whole file, a pool's what is for all: then that counts. */
static const struct conf_pos *origin_of(struct printer *p, const struct option_spec *option,
					const void *base)
{
	const struct conf_pos *pos = conf_origin_get(option, base);
	const struct option_spec *above;
	const void *from;

	if (pos->file || !option->is_inherited)
		return pos;
	above = option_table_above(option, p->conf, &from);
	return conf_origin_get(above, from);
}

static void put_pos(struct printer *p, const struct conf_pos *pos)
{
	bool is_argument = pos->file && (pos->file[0] == '-' || !strcmp(pos->file, "run"));

	if (p->has_origins) {
		put(p, "  # ");
		if (!pos->file)
			put(p, "default");
		else if (pos->line == 0)
			put(p, "%s ", is_argument ? "command line" : "environment");
		if (pos->file)
			put_plain(p, pos->file);
		if (pos->line > 0)
			put(p, ":%d", pos->line);
	}
	put(p, "\n");
}

static void put_origin(struct printer *p, const struct option_spec *option, const void *base)
{
	put_pos(p, origin_of(p, option, base));
}

static void put_choice(struct printer *p, const struct option_spec *option, int value)
{
	for (const struct option_choice *c = option->choices; c->word; c++) {
		if (c->value == value)
			put(p, "%s", c->word);
	}
}

static void put_access_log(struct printer *p, const struct conf_access_log *log)
{
	if (log->type == CONF_ACCESS_LOG_FILE)
		put_quoted(p, log->path, true);
	else
		put(p, "%s", log->type == CONF_ACCESS_LOG_OFF ? "off" : "stdout");
}

static void put_value(struct printer *p, const struct option_spec *option, const void *base)
{
	const void *field = (const char *)base + option->offset;
	char text[CONF_VALUE_TEXT];

	switch (option->type) {
	case OPTION_COUNT:
	case OPTION_WORKERS:
		put(p, "%u", *(const unsigned *)field);
		break;
	case OPTION_SIZE:
		put(p, "%s", conf_value_size_text(*(const uint64_t *)field, text));
		break;
	case OPTION_RATE:
		put(p, "%s", conf_value_rate_text(*(const uint64_t *)field, text));
		break;
	case OPTION_DURATION:
		put(p, "%s", conf_value_duration_text((uint64_t) * (const int64_t *)field, text));
		break;
	case OPTION_BOOL:
		put(p, "%s", *(const bool *)field ? "true" : "false");
		break;
	case OPTION_OCTAL:
		put(p, "%04o", *(const unsigned *)field);
		break;
	case OPTION_CHOICE:
		put_choice(p, option, *(const int *)field);
		break;
	case OPTION_ACCESS_LOG:
		put_access_log(p, field);
		break;
	case OPTION_ADDRESS:
		put_quoted(p, ((const struct conf_address *)field)->text, true);
		break;
	default:
		put_quoted(p, ((const struct conf_name *)field)->text, true);
		break;
	}
}

/* How many there are of a list; of methods, whether there are any. */
static size_t list_len(const struct option_spec *option, const void *base)
{
	if (option->type == OPTION_METHODS)
		return *(const uint64_t *)((const char *)base + option->offset) != 0;
	return *(const size_t *)((const char *)base + option->n_offset);
}

static void put_methods(struct printer *p, uint64_t methods)
{
	const char *comma = "";

	for (int m = HTTP_METHOD_UNKNOWN + 1; m < HTTP_METHOD_COUNT; m++) {
		if (!(methods & UINT64_C(1) << m))
			continue;
		put(p, "%s%.*s", comma, WEIR_ARG(http_method_name((enum http_method)m)));
		comma = ", ";
	}
}

static void put_words(struct printer *p, const struct option_spec *option, const void *base)
{
	const void *list = *(const void *const *)((const char *)base + option->offset);

	put(p, "[");
	if (option->type == OPTION_METHODS) {
		put_methods(p, *(const uint64_t *)((const char *)base + option->offset));
	} else {
		for (size_t i = 0; i < list_len(option, base); i++) {
			put(p, "%s", i ? ", " : "");
			put_quoted(p,
				   option->type == OPTION_DIRECTORIES
					   ? ((const char *const *)list)[i]
					   : ((const struct conf_name *)list)[i].text,
				   true);
		}
	}
	put(p, "]");
}

static void put_settings(struct printer *p, const struct option_spec *option, const void *base)
{
	const struct conf_setting *settings = *(const void *const *)((const char *)base +
								     option->offset);
	const struct conf_pos *origins = *(const void *const *)((const char *)base +
								option->origins_offset);
	const char *indent = option->place == OPTION_MODULE ? "      " : "        ";

	for (size_t i = 0; i < list_len(option, base); i++) {
		bool is_long = strlen(settings[i].key) > LONG_KEY;

		put(p, "%s%s", indent, is_long ? "? " : "");
		put_quoted(p, settings[i].key, false);
		if (is_long)
			put(p, "\n%s", indent);
		put(p, ": ");
		put_quoted(p, settings[i].value, true);
		put_pos(p, &origins[i]);
	}
}

static void put_place(struct printer *p, enum option_place place, const void *base);
static void put_items(struct printer *p, const struct option_spec *option, const void *base);

/*
 * Those that are not there, such as the methods of a route for all, are left out; unless it
 * would mean that they are inherited.
 */
static bool is_there(const struct option_spec *option, const void *base)
{
	const struct conf_route *route = base;

	if (option->kind != OPTION_OF_ALL &&
	    route->is_websocket != (option->kind == OPTION_OF_WEBSOCKETS))
		return false;
	if (option->is_one_of)
		return conf_origin_get(option, base)->file;
	if (option->items == OPTION_TLS)
		return ((const struct conf_listen *)base)->tls.is_on;
	if (option->type == OPTION_ADDRESS)
		return ((const struct conf_address *)((const char *)base + option->offset))->text;
	if (option->type == OPTION_NAME || option->type == OPTION_FILE)
		return ((const struct conf_name *)((const char *)base + option->offset))->text;
	/* An empty list may be something else than none. */
	if (option->type == OPTION_NAMES && conf_origin_get(option, base)->file)
		return true;
	return !option_table_is_list(option) || option->type == OPTION_ITEMS ||
	       option->type == OPTION_MAPPING || option->is_inherited || list_len(option, base) > 0;
}

/* The first pool is what jobs: itself says. */
static size_t first_item(const struct option_spec *option)
{
	return option->items == OPTION_POOL;
}

static void put_option(struct printer *p, const struct option_spec *option, const void *base)
{
	put(p, "%s:", option->name);
	switch (option->type) {
	case OPTION_ITEMS:
		put(p, "%s", list_len(option, base) > first_item(option) ? "" : " []");
		put_origin(p, option, base);
		put_items(p, option, base);
		return;
	case OPTION_MAPPING:
		put_origin(p, option, base);
		put_place(p, option->items, (const char *)base + option->offset);
		return;
	case OPTION_SETTINGS:
		put_origin(p, option, base);
		put_settings(p, option, base);
		return;
	case OPTION_NAMES:
	case OPTION_ORIGINS:
	case OPTION_DIRECTORIES:
	case OPTION_METHODS:
		put(p, " ");
		put_words(p, option, base);
		break;
	default:
		put(p, " ");
		put_value(p, option, base);
		break;
	}
	put_origin(p, option, base);
}

/* What stands before a mapping's first key, and before the others. */
struct indent {
	const char *first, *rest;
};

static struct indent indent_of(enum option_place place)
{
	switch (place) {
	case OPTION_TOP:
		return (struct indent){ "", "" };
	case OPTION_JOBS:
	case OPTION_HEALTH:
	case OPTION_CONTROL:
		return (struct indent){ "  ", "  " };
	case OPTION_POOL:
		return (struct indent){ "    - ", "      " };
	case OPTION_TLS:
	case OPTION_STATIC:
	case OPTION_REDIRECT:
	case OPTION_RESPOND:
		return (struct indent){ "      ", "      " };
	case OPTION_CERTIFICATE:
		return (struct indent){ "        - ", "          " };
	default:
		return (struct indent){ "  - ", "    " };
	}
}

static void put_place(struct printer *p, enum option_place place, const void *base)
{
	struct indent indent = indent_of(place);

	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (!is_there(o, base))
			continue;
		put(p, "%s", indent.first);
		put_option(p, o, base);
		indent.first = indent.rest;
	}
}

static void put_items(struct printer *p, const struct option_spec *option, const void *base)
{
	const char *items = *(const void *const *)((const char *)base + option->offset);

	for (size_t i = first_item(option); i < list_len(option, base); i++)
		put_place(p, option->items, items + i * option_table_size(option->items));
}

int conf_print(const struct conf *conf, bool has_origins, struct buf *out)
{
	struct printer p = { .conf = conf, .out = out, .has_origins = has_origins };

	put(&p, "# What weir serves, and where each value is from.\n");
	if (conf->run_module)
		put(&p, "# weir run: the routes are those that the module names itself; they are "
			"not in here.\n");
	put_place(&p, OPTION_TOP, conf);
	return p.r;
}
