/* option_value.c - see option_value.h. */
#include "conf/option_value.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>

#include "base/str.h"
#include "conf/conf_address.h"
#include "conf/conf_value.h"
#include "conf/messages.h"

#define MAX_CPUS 1024

const char *option_value_type_words(enum option_type type)
{
	switch (type) {
	case OPTION_COUNT:
		return "a whole number";
	case OPTION_SIZE:
		return "a size such as 64KiB or 1MiB";
	case OPTION_DURATION:
		return "a duration such as 250ms, 10s, 2m or 1h";
	case OPTION_RATE:
		return "a rate such as 240B/s or 1KiB/s";
	case OPTION_BOOL:
		return "true or false";
	case OPTION_OCTAL:
		return "an octal mode such as 0660";
	case OPTION_WORKERS:
		return "auto or a whole number";
	case OPTION_ACCESS_LOG:
		return "off, stdout, or a path with a slash in it";
	case OPTION_ADDRESS:
		return "an address";
	case OPTION_CHOICE:
		return "a single word";
	case OPTION_NAME:
		return "a name";
	case OPTION_MODULE_FILE:
	case OPTION_FILE:
		return "a file";
	case OPTION_NAMES:
		return "a list of names";
	case OPTION_ORIGINS:
		return "a list of origins";
	case OPTION_DIRECTORIES:
		return "a list of directories";
	case OPTION_METHODS:
		return "a list of methods";
	case OPTION_SETTINGS:
		return "a mapping of names to single values";
	case OPTION_ITEMS:
		return "a list of mappings";
	case OPTION_MAPPING:
		return "a mapping";
	}
	return "a value";
}

size_t option_value_size(enum option_type type)
{
	switch (type) {
	case OPTION_COUNT:
	case OPTION_OCTAL:
	case OPTION_WORKERS:
		return sizeof(unsigned);
	case OPTION_SIZE:
	case OPTION_RATE:
		return sizeof(uint64_t);
	case OPTION_DURATION:
		return sizeof(int64_t);
	case OPTION_BOOL:
		return sizeof(bool);
	case OPTION_CHOICE:
		return sizeof(int);
	case OPTION_ACCESS_LOG:
		return sizeof(struct conf_access_log);
	case OPTION_ADDRESS:
		return sizeof(struct conf_address);
	case OPTION_NAME:
	case OPTION_MODULE_FILE:
	case OPTION_FILE:
		return sizeof(struct conf_name);
	case OPTION_NAMES:
	case OPTION_ORIGINS:
	case OPTION_DIRECTORIES:
	case OPTION_METHODS:
	case OPTION_SETTINGS:
	case OPTION_ITEMS:
	case OPTION_MAPPING:
		break;
	}
	assert(!"a list is no single value");
	return 0;
}

static PRINTF_LIKE(2, 3) int refuse(char *reterr_words, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reterr_words, OPTION_WORDS, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int refuse_form(const struct option_spec *option, weir_str text, char *reterr_words)
{
	char quote[MESSAGES_QUOTE];

	return refuse(reterr_words, "%s is not %s", messages_quote(text, quote),
		      option_value_type_words(option->type));
}

static const char *number_text(const struct option_spec *option, uint64_t number, char *ret_text)
{
	if (option->type == OPTION_SIZE)
		return conf_value_size_text(number, ret_text);
	if (option->type == OPTION_DURATION)
		return conf_value_duration_text(number, ret_text);
	if (option->type == OPTION_RATE)
		return conf_value_rate_text(number, ret_text);
	(void)snprintf(ret_text, CONF_VALUE_TEXT, "%llu", (unsigned long long)number);
	return ret_text;
}

/* r is what the parser of this type said. */
static int check_number(const struct option_spec *option, weir_str text, int r, uint64_t number,
			char *reterr_words)
{
	char quote[MESSAGES_QUOTE], limit[CONF_VALUE_TEXT];

	if (r == -EINVAL)
		return refuse_form(option, text, reterr_words);
	if (r == -ERANGE || number > option->max)
		return refuse(reterr_words, "%s is more than %s", messages_quote(text, quote),
			      number_text(option, option->max, limit));
	if (number < option->min)
		return refuse(reterr_words, "%s is less than %s", messages_quote(text, quote),
			      number_text(option, option->min, limit));
	return 0;
}

static int set_number(const struct option_spec *option, weir_str text, void *field,
		      char *reterr_words)
{
	uint64_t number = 0;
	int r;

	if (option->type == OPTION_SIZE)
		r = conf_value_size(text, &number);
	else if (option->type == OPTION_DURATION)
		r = conf_value_duration(text, &number);
	else if (option->type == OPTION_RATE)
		r = conf_value_rate(text, &number);
	else
		r = conf_value_count(text, &number);
	r = check_number(option, text, r, number, reterr_words);
	if (r < 0)
		return r;
	if (option->type == OPTION_SIZE || option->type == OPTION_RATE)
		*(uint64_t *)field = number;
	else if (option->type == OPTION_DURATION)
		*(int64_t *)field = (int64_t)number;
	else
		*(unsigned *)field = (unsigned)number;
	return 0;
}

static unsigned usable_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > MAX_CPUS ? MAX_CPUS : (unsigned)n;
}

static int set_workers(const struct option_spec *option, weir_str text, void *field,
		       char *reterr_words)
{
	if (weir_str_eq(text, WEIR_STR("auto"))) {
		*(unsigned *)field = usable_cpus();
		return 0;
	}
	return set_number(option, text, field, reterr_words);
}

static int set_bool(const struct option_spec *option, weir_str text, void *field,
		    char *reterr_words)
{
	char quote[MESSAGES_QUOTE];
	int r;

	r = conf_value_bool(text, field);
	if (r < 0)
		return refuse(reterr_words, "%s is neither true nor false",
			      messages_quote(text, quote));
	return 0;
}

static int set_octal(const struct option_spec *option, weir_str text, void *field,
		     char *reterr_words)
{
	return conf_value_mode(text, field) < 0 ? refuse_form(option, text, reterr_words) : 0;
}

static int set_choice(const struct option_spec *option, weir_str text, void *field,
		      char *reterr_words)
{
	struct messages_guess guess = { 0 };
	char quote[MESSAGES_QUOTE];
	char words[128] = "";
	size_t n = 0;

	for (const struct option_choice *c = option->choices; c->word; c++) {
		if (weir_str_eq(text, weir_strz(c->word))) {
			*(int *)field = c->value;
			return 0;
		}
		messages_guess(&guess, text, c->word);
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s", n ? ", " : "", c->word);
	}
	return refuse(reterr_words, "%s is none of %s%s%s%s", messages_quote(text, quote), words,
		      guess.text ? "; did you mean \"" : "", guess.text ? guess.text : "",
		      guess.text ? "\"?" : "");
}

const char *option_value_absolute(struct arena *arena, const char *dir, weir_str text)
{
	bool is_relative = text.len == 0 || text.ptr[0] != '/';
	size_t dir_len = is_relative ? strlen(dir) + 1 : 0;
	char *path = arena_bytes(arena, dir_len + text.len + 1);

	if (!path)
		return NULL;
	if (is_relative) {
		memcpy(path, dir, dir_len - 1);
		path[dir_len - 1] = '/';
	}
	if (text.len > 0)
		memcpy(path + dir_len, text.ptr, text.len);
	path[dir_len + text.len] = '\0';
	return path;
}

static int set_access_log(const struct option_spec *option, weir_str text,
			  const struct option_context *context, struct conf_access_log *log,
			  char *reterr_words)
{
	const char *path;

	if (weir_str_eq(text, WEIR_STR("off"))) {
		*log = (struct conf_access_log){ .type = CONF_ACCESS_LOG_OFF };
		return 0;
	}
	if (weir_str_eq(text, WEIR_STR("stdout"))) {
		*log = (struct conf_access_log){ .type = CONF_ACCESS_LOG_STDOUT };
		return 0;
	}
	/* Without a slash it is more likely a slip of the pen than a file's name. */
	if (!memchr(text.ptr, '/', text.len))
		return refuse_form(option, text, reterr_words);
	path = option_value_absolute(context->arena, context->dir, text);
	if (!path)
		return -ENOMEM;
	*log = (struct conf_access_log){ .type = CONF_ACCESS_LOG_FILE, .path = path };
	return 0;
}

static int set_address(weir_str text, const struct option_context *context,
		       struct conf_address *address, char *reterr_words)
{
	char quote[MESSAGES_QUOTE];
	const char *words;
	int r;

	r = conf_address_parse(context->arena, text, context->dir, address, &words);
	if (r == -EINVAL)
		return refuse(reterr_words, "%s %s", messages_quote(text, quote), words);
	return r;
}

static int set_name(const struct option_spec *option, weir_str text,
		    const struct option_context *context, struct conf_name *name)
{
	bool is_file = option->type == OPTION_FILE ||
		       (option->type == OPTION_MODULE_FILE && memchr(text.ptr, '/', text.len));
	/* Absolute to an absolute one is a copy of it. */
	weir_str copy = is_file ? weir_strz(
					  option_value_absolute(context->arena, context->dir, text))
				: (weir_str){ NULL, 0 };

	if (!is_file) {
		char *z = arena_bytes(context->arena, text.len + 1);

		if (z) {
			memcpy(z, text.ptr, text.len);
			z[text.len] = '\0';
		}
		copy.ptr = z;
	}
	if (!copy.ptr)
		return -ENOMEM;
	*name = (struct conf_name){ .text = copy.ptr, .pos = context->pos };
	return 0;
}

int option_value_set(const struct option_spec *option, weir_str text,
		     const struct option_context *context, void *base,
		     char reterr_words[OPTION_WORDS])
{
	void *field = (char *)base + option->offset;

	if (text.len == 0)
		return refuse(reterr_words, "has no value");
	switch (option->type) {
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_RATE:
		return set_number(option, text, field, reterr_words);
	case OPTION_WORKERS:
		return set_workers(option, text, field, reterr_words);
	case OPTION_BOOL:
		return set_bool(option, text, field, reterr_words);
	case OPTION_OCTAL:
		return set_octal(option, text, field, reterr_words);
	case OPTION_CHOICE:
		return set_choice(option, text, field, reterr_words);
	case OPTION_ACCESS_LOG:
		return set_access_log(option, text, context, field, reterr_words);
	case OPTION_ADDRESS:
		return set_address(text, context, field, reterr_words);
	case OPTION_NAME:
	case OPTION_MODULE_FILE:
	case OPTION_FILE:
		return set_name(option, text, context, field);
	default:
		return -EINVAL; /* a list is not one value; the reader does not ask for it */
	}
}
