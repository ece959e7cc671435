/* json.c - see json.h. */
#include "base/json.h"

#include <assert.h>

static void put(struct json *json, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct json *json, const char *fmt, ...)
{
	va_list ap;

	if (json->r < 0)
		return;
	va_start(ap, fmt);
	json->r = buf_vprintf(json->out, fmt, ap);
	va_end(ap);
}

void json_init(struct json *json, struct buf *out)
{
	*json = (struct json){ .out = out, .is_first = true };
}

int json_done(struct json *json)
{
	assert(json->depth == 0);
	put(json, "\n");
	return json->r;
}

void json_failed(struct json *json, int r)
{
	if (json->r == 0)
		json->r = r;
}

static void put_quoted(struct json *json, weir_str text)
{
	put(json, "\"");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '"' || c == '\\')
			put(json, "\\%c", c);
		else if (c < 0x20)
			put(json, "\\u%04x", c);
		else
			put(json, "%c", c);
	}
	put(json, "\"");
}

static void put_line(struct json *json)
{
	if (!json->is_compact)
		put(json, "\n%*s", (int)(2 * json->depth), "");
}

/* What stands in front of a value. */
static void begin(struct json *json, const char *key)
{
	if (!json->is_first)
		put(json, ",");
	if (json->depth > 0)
		put_line(json);
	json->is_first = false;
	if (!key)
		return;
	put_quoted(json, weir_strz(key));
	put(json, json->is_compact ? ":" : ": ");
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	put(json, "%c", bracket);
	json->depth++;
	json->is_first = true;
}

void json_close(struct json *json, char bracket)
{
	assert(json->depth > 0);
	json->depth--;
	if (!json->is_first)
		put_line(json);
	put(json, "%c", bracket);
	json->is_first = false;
}

void json_str(struct json *json, const char *key, weir_str text)
{
	begin(json, key);
	put_quoted(json, text);
}

void json_text(struct json *json, const char *key, const char *text)
{
	json_str(json, key, weir_strz(text));
}

void json_number(struct json *json, const char *key, uint64_t number)
{
	begin(json, key);
	put(json, "%llu", (unsigned long long)number);
}

void json_raw(struct json *json, const char *key, weir_str value)
{
	begin(json, key);
	put(json, "%.*s", WEIR_ARG(value));
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	put(json, "%s", value ? "true" : "false");
}
