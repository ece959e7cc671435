/*
 * option_schema.c - see option_schema.h. A value of the file is text to our
 * reader, but a number, a boolean or a string to whoever reads YAML for an
 * editor (YAML 1.2, core schema): 3 is a number and "3" is not, and both are
 * good. So most options have several forms here, any of which will do.
 */
#include "conf/option_schema.h"

#include <assert.h>

#include "base/json.h"
#include "base/str.h"
#include "conf/conf_value.h"
#include "conf/number_pattern.h"
#include "conf/option_table.h"
#include "proto/http.h"

/* $${ stands for a plain ${: not a variable. */
#define VARIABLE "(^|[^$])\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}"

/* IPv4, IPv6 in brackets, or * for all; a number follows. */
#define OCTET "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
#define HOST "(\\*|" OCTET "(\\." OCTET "){3}|\\[[0-9A-Fa-f:.]+\\])"

/* A form of the value that is a string of this pattern. */
static void pattern_form(struct json *json, const char *pattern)
{
	json_open(json, NULL, '{');
	json_text(json, "type", "string");
	json_text(json, "pattern", pattern);
	json_close(json, '}');
}

static void variable_form(struct json *json)
{
	json_open(json, NULL, '{');
	json_text(json, "$ref", "#/definitions/variable");
	json_close(json, '}');
}

static void integer_form(struct json *json, uint64_t min, uint64_t max)
{
	json_open(json, NULL, '{');
	json_text(json, "type", "integer");
	json_number(json, "minimum", min);
	json_number(json, "maximum", max);
	json_close(json, '}');
}

static void const_form(struct json *json, const char *word)
{
	json_open(json, NULL, '{');
	json_text(json, "const", word);
	json_close(json, '}');
}

static void words_form(struct json *json, const struct option_choice *choices)
{
	json_open(json, NULL, '{');
	json_open(json, "enum", '[');
	for (const struct option_choice *c = choices; c->word; c++)
		json_text(json, NULL, c->word);
	json_close(json, ']');
	json_close(json, '}');
}

static void methods_form(struct json *json)
{
	json_open(json, NULL, '{');
	json_open(json, "enum", '[');
	for (int m = HTTP_METHOD_UNKNOWN + 1; m < HTTP_METHOD_COUNT; m++) {
		if (m != HTTP_METHOD_CONNECT)
			json_str(json, NULL, http_method_name((enum http_method)m));
	}
	json_close(json, ']');
	json_close(json, '}');
}

/* Numbers from min to max in that unit, if there are any. */
static int append_unit(struct buf *pattern, const struct option_spec *option,
		       const struct conf_value_unit *unit)
{
	uint64_t min = option->min / unit->factor + (option->min % unit->factor != 0);
	uint64_t max = option->max / unit->factor;
	int r;

	if (min > max)
		return 0;
	r = buf_printf(pattern, "%s", pattern->len > 2 ? "|" : "");
	if (r >= 0)
		r = number_pattern(pattern, min, max);
	return r < 0 ? r : buf_printf(pattern, "%s", unit->name);
}

static const struct conf_value_unit *units_of(const struct option_spec *option)
{
	static const struct conf_value_unit none[] = { { "", 1 }, { NULL, 0 } };

	switch (option->type) {
	case OPTION_SIZE:
		return conf_value_sizes;
	case OPTION_DURATION:
		return conf_value_durations;
	case OPTION_RATE:
		return conf_value_rates;
	default:
		return none;
	}
}

/* 0 needs no unit where it turns something off. */
static bool has_plain_zero(const struct option_spec *option)
{
	return option->min == 0 && (option->type == OPTION_DURATION || option->type == OPTION_RATE);
}

static int number_with_unit(struct buf *pattern, const struct option_spec *option)
{
	int r;

	r = buf_printf(pattern, "^(");
	for (const struct conf_value_unit *unit = units_of(option); unit->name && r >= 0; unit++)
		r = append_unit(pattern, option, unit);
	if (r >= 0 && has_plain_zero(option))
		r = buf_printf(pattern, "|0");
	return r < 0 ? r : buf_printf(pattern, ")$");
}

static void number_form(struct json *json, const struct option_spec *option)
{
	struct buf pattern;
	int r;

	buf_init(&pattern, 0);
	r = number_with_unit(&pattern, option);
	if (r >= 0)
		r = buf_append(&pattern, "", 1);
	if (r >= 0)
		pattern_form(json, pattern.data);
	json_failed(json, r);
	buf_done(&pattern);
}

static void address_form(struct json *json)
{
	struct buf pattern;
	int r;

	buf_init(&pattern, 0);
	/* A Unix socket's path has 107 bytes at most. */
	r = buf_printf(&pattern, "^(unix:[^@].{0,106}|systemd:[!-9;-~]{1,255}|%s:", HOST);
	if (r >= 0)
		r = number_pattern(&pattern, 1, 65535);
	if (r >= 0)
		r = buf_append(&pattern, ")$", sizeof(")$"));
	if (r >= 0)
		pattern_form(json, pattern.data);
	json_failed(json, r);
	buf_done(&pattern);
}

/* What one value may be; of a list, what one of its items may be. */
static void value_forms(struct json *json, const struct option_spec *option)
{
	switch (option->type) {
	case OPTION_WORKERS:
		const_form(json, "auto");
		integer_form(json, option->min, option->max);
		number_form(json, option);
		break;
	case OPTION_COUNT:
	case OPTION_SIZE:
		integer_form(json, option->min, option->max);
		number_form(json, option);
		break;
	case OPTION_DURATION:
	case OPTION_RATE:
		if (has_plain_zero(option))
			integer_form(json, 0, 0);
		number_form(json, option);
		break;
	case OPTION_BOOL:
		json_open(json, NULL, '{');
		json_text(json, "type", "boolean");
		json_close(json, '}');
		pattern_form(json, "^(true|false)$");
		break;
	case OPTION_OCTAL:
		/* 0660 is 660 to a reader of YAML 1.2, and 432 to one of 1.1. */
		integer_form(json, 0, 777);
		pattern_form(json, "^(0o)?0*[0-7]{1,3}$");
		break;
	case OPTION_CHOICE:
		words_form(json, option->choices);
		break;
	case OPTION_ACCESS_LOG:
		const_form(json, "off");
		const_form(json, "stdout");
		pattern_form(json, "/");
		break;
	case OPTION_ADDRESS:
		address_form(json);
		break;
	case OPTION_METHODS:
		methods_form(json);
		break;
	default:
		pattern_form(json, option->pattern ? option->pattern : ".");
		break;
	}
	variable_form(json);
}

static void any_of(struct json *json, const struct option_spec *option)
{
	json_open(json, "anyOf", '[');
	value_forms(json, option);
	json_close(json, ']');
}

/* Several values, or one, which stands for a list of one. */
static void list_forms(struct json *json, const struct option_spec *option)
{
	json_open(json, "anyOf", '[');
	value_forms(json, option);
	json_open(json, NULL, '{');
	json_text(json, "type", "array");
	/* Any method is said by leaving the key out; so is the server's own origin. */
	if (option->type == OPTION_METHODS || option->type == OPTION_ORIGINS)
		json_number(json, "minItems", 1);
	json_open(json, "items", '{');
	any_of(json, option);
	json_close(json, '}');
	json_close(json, '}');
	json_close(json, ']');
}

static void settings_form(struct json *json)
{
	static const char *const types[] = { "string", "number", "boolean", "null" };

	json_text(json, "type", "object");
	json_open(json, "additionalProperties", '{');
	json_open(json, "type", '[');
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		json_text(json, NULL, types[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void object(struct json *json, enum option_place place);

static void print_value(struct json *json, const struct option_spec *option)
{
	switch (option->type) {
	case OPTION_ITEMS:
		json_text(json, "type", "array");
		json_open(json, "items", '{');
		json_text(json, "type", "object");
		object(json, option->items);
		json_close(json, '}');
		break;
	case OPTION_MAPPING:
		json_text(json, "type", "object");
		object(json, option->items);
		break;
	case OPTION_SETTINGS:
		settings_form(json);
		break;
	case OPTION_NAMES:
	case OPTION_ORIGINS:
	case OPTION_DIRECTORIES:
	case OPTION_METHODS:
		list_forms(json, option);
		break;
	default:
		any_of(json, option);
		break;
	}
}

/* As the file would have it, in the type that it has there. */
static void print_fallback(struct json *json, const struct option_spec *option)
{
	uint64_t number;

	if (!option->fallback)
		return;
	if (option->type == OPTION_BOOL) {
		json_bool(json, "default", !strcmp(option->fallback, "true"));
	} else if (option->type == OPTION_COUNT) {
		int r = conf_value_count(weir_strz(option->fallback), &number);

		assert(r == 0);
		(void)r;
		json_number(json, "default", number);
	} else if (option->type == OPTION_ITEMS) {
		/* Of listen only: the address of the one there is. */
		json_open(json, "default", '[');
		json_open(json, NULL, '{');
		json_text(json, "address", option->fallback);
		json_close(json, '}');
		json_close(json, ']');
	} else {
		json_text(json, "default", option->fallback);
	}
}

/* The help's lines are broken for terminals; an editor does that itself. */
static void print_help(struct json *json, const struct option_spec *option)
{
	char *text = str_dup(weir_strz(option->help));

	if (!text) {
		json_failed(json, -ENOMEM);
		return;
	}
	for (char *p = text; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	json_text(json, "description", text);
	free(text);
}

/* A schema of what has that option, and true; or_variable: or what may turn out to be. */
static void switched_on(struct json *json, const char *name, bool or_variable)
{
	json_open(json, "if", '{');
	json_open(json, "required", '[');
	json_text(json, NULL, name);
	json_close(json, ']');
	json_open(json, "properties", '{');
	json_open(json, name, '{');
	json_open(json, "anyOf", '[');
	json_open(json, NULL, '{');
	json_bool(json, "const", true);
	json_close(json, '}');
	const_form(json, "true");
	if (or_variable)
		variable_form(json);
	json_close(json, ']');
	json_close(json, '}');
	json_close(json, '}');
	json_close(json, '}');
}

/* A schema that takes no option of that kind. */
static void none_of(struct json *json, const char *key, enum option_place place,
		    enum option_kind kind)
{
	json_open(json, key, '{');
	json_open(json, "properties", '{');
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (o->kind == kind)
			json_bool(json, o->name, false);
	}
	json_close(json, '}');
	json_close(json, '}');
}

/* What a route of one kind may not have. A variable may make it one of either: then all is well. */
static void kinds(struct json *json, enum option_place place)
{
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (!o->decides_kind)
			continue;
		json_open(json, "allOf", '[');
		json_open(json, NULL, '{');
		switched_on(json, o->name, true);
		none_of(json, "else", place, OPTION_OF_WEBSOCKETS);
		json_close(json, '}');
		json_open(json, NULL, '{');
		switched_on(json, o->name, false);
		none_of(json, "then", place, OPTION_OF_HTTP);
		json_close(json, '}');
		json_close(json, ']');
	}
}

/* It has one of those that are one of several, and no other. */
static void one_of(struct json *json, enum option_place place)
{
	bool is_first = true;

	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (!o->is_one_of)
			continue;
		if (is_first)
			json_open(json, "oneOf", '[');
		is_first = false;
		json_open(json, NULL, '{');
		json_open(json, "required", '[');
		json_text(json, NULL, o->name);
		json_close(json, ']');
		json_close(json, '}');
	}
	if (!is_first)
		json_close(json, ']');
}

static void object(struct json *json, enum option_place place)
{
	json_bool(json, "additionalProperties", false);
	json_open(json, "required", '[');
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (o->is_required)
			json_text(json, NULL, o->name);
	}
	json_close(json, ']');
	json_open(json, "properties", '{');
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		json_open(json, o->name, '{');
		print_help(json, o);
		print_fallback(json, o);
		print_value(json, o);
		json_close(json, '}');
	}
	json_close(json, '}');
	one_of(json, place);
	kinds(json, place);
}

static void definitions(struct json *json)
{
	json_open(json, "definitions", '{');
	json_open(json, "variable", '{');
	json_text(json, "description",
		  "A value with ${NAME} or ${NAME:-default} in it, from the environment.");
	json_text(json, "type", "string");
	json_text(json, "pattern", VARIABLE);
	json_close(json, '}');
	json_close(json, '}');
}

int option_schema_print(struct buf *out)
{
	struct json json;

	json_init(&json, out);
	json_open(&json, NULL, '{');
	json_text(&json, "$schema", "http://json-schema.org/draft-07/schema#");
	json_text(&json, "title", "Configuration of weir");
	/* A file without anything but comments is null. */
	json_open(&json, "type", '[');
	json_text(&json, NULL, "object");
	json_text(&json, NULL, "null");
	json_close(&json, ']');
	object(&json, OPTION_TOP);
	definitions(&json);
	json_close(&json, '}');
	return json_done(&json);
}
