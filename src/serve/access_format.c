/*
 * access_format.c - a format is a list of steps, each of which writes some text or
 * one field. JSON is such a list, too, and only differs in how fields are written.
 */
#include "serve/access_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/fields.h"

#define MAX_STEPS 100
#define MAX_FORMAT 2048
/* Of a field's value, as it is written, unless its own row says less. */
#define VALUE_MAX 1024
/* What a text may need beyond its room, and the end of the line. */
#define SLACK 64

enum kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_SECONDS, /* of microseconds */
	KIND_SPECIAL,
};

struct field {
	const char *name;
	enum kind kind;
	bool is_phase;
	unsigned max;  /* of a text, as it is written */
	size_t offset; /* in struct access_log_line: a weir_str, or a uint64_t */
};

#define TEXT(what, field, room)                                                       \
	{                                                                             \
		what, KIND_TEXT, false, room, offsetof(struct access_log_line, field) \
	}
#define NUMBER(what, field)                                                          \
	{                                                                            \
		what, KIND_NUMBER, false, 0, offsetof(struct access_log_line, field) \
	}
#define SECONDS(what, phase, field)                                                   \
	{                                                                             \
		what, KIND_SECONDS, phase, 0, offsetof(struct access_log_line, field) \
	}

/* In the order in which JSON has them; together they fit into a line. */
static const struct field fields[] = {
	{ "time_iso", KIND_SPECIAL, false, 0, 0 },
	{ "event", KIND_SPECIAL, false, 0, 0 },
	TEXT("client", client, 128),
	TEXT("method", method, 48),
	TEXT("target", target, 1200),
	{ "protocol", KIND_SPECIAL, false, 0, 0 },
	TEXT("scheme", scheme, 48),
	TEXT("host", host, 200),
	{ "status", KIND_SPECIAL, false, 0, 0 },
	NUMBER("bytes", bytes),
	NUMBER("received", received),
	SECONDS("duration", false, duration_us),
	SECONDS("queue_time", true, queue_us),
	SECONDS("handler_time", true, handler_us),
	SECONDS("job_time", true, job_us),
	SECONDS("write_time", true, write_us),
	TEXT("route", route, 200),
	TEXT("handler", handler, 140),
	TEXT("request_id", request_id, 176),
	TEXT("trace_id", trace_id, 80),
	TEXT("referer", referer, 500),
	TEXT("user_agent", user_agent, 400),
	NUMBER("messages_in", messages_in),
	NUMBER("messages_out", messages_out),
	{ "close_code", KIND_SPECIAL, false, 0, 0 },
	{ "time", KIND_SPECIAL, false, 0, 0 },
	{ "request", KIND_SPECIAL, false, 0, 0 },
};

enum special {
	SPECIAL_TIME_ISO,
	SPECIAL_EVENT,
	SPECIAL_PROTOCOL,
	SPECIAL_STATUS,
	SPECIAL_CLOSE_CODE,
	SPECIAL_TIME,
	SPECIAL_REQUEST, /* the request line */
	SPECIAL_NONE,
};

/* JSON has these last two, which only say other things once more, not. */
#define N_JSON (ARRAY_LEN(fields) - 2)

struct step {
	weir_str text; /* to be written; or, of a field of the request's head, its name */
	const struct field *field; /* NULL: text */
	enum special special;
	bool is_header;
};

struct access_format {
	bool is_json, has_phases;
	size_t n_steps;
	struct step steps[MAX_STEPS];
	char text[]; /* what steps point into */
};

bool access_format_is_combined(weir_str text)
{
	return weir_str_eq(text, WEIR_STR("combined"));
}

bool access_format_has_phases(const struct access_format *format)
{
	return format->has_phases;
}

const char *access_format_field(size_t i)
{
	return i < ARRAY_LEN(fields) ? fields[i].name : NULL;
}

weir_str access_format_header(const struct access_format *format, size_t i)
{
	for (size_t k = 0; k < format->n_steps; k++) {
		if (format->steps[k].is_header && i-- == 0)
			return format->steps[k].text;
	}
	return (weir_str){ NULL, 0 };
}

/* ---- reading a format */

static enum special special_of(const struct field *field)
{
	static const char *const names[] = { "time_iso",   "event", "protocol", "status",
					     "close_code", "time",  "request" };

	for (unsigned i = 0; field->kind == KIND_SPECIAL && i < ARRAY_LEN(names); i++) {
		if (!strcmp(field->name, names[i]))
			return (enum special)i;
	}
	return SPECIAL_NONE;
}

static struct step *add_step(struct access_format *f, weir_str text)
{
	if (f->n_steps == MAX_STEPS)
		return NULL;
	f->steps[f->n_steps] = (struct step){ .text = text, .special = SPECIAL_NONE };
	return &f->steps[f->n_steps++];
}

/* What is known by its name. NULL: nothing is. */
static struct step *add_field(struct access_format *f, weir_str name)
{
	const weir_str header = WEIR_STR("header:");
	struct step *step;

	if (str_starts(name, header) && name.len > header.len) {
		step = add_step(f, (weir_str){ name.ptr + header.len, name.len - header.len });
		if (step)
			step->is_header = true;
		/* As heads have them. */
		for (char *c = f->text + (name.ptr - f->text); *c != '}'; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
		return step;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!weir_str_eq(name, weir_strz(fields[i].name)))
			continue;
		step = add_step(f, name);
		if (step) {
			step->field = &fields[i];
			step->special = special_of(&fields[i]);
			f->has_phases |= fields[i].is_phase;
		}
		return step;
	}
	return NULL;
}

/* A brace at rest.ptr[0]: a field, or one that is doubled. How many bytes it was; or -EINVAL. */
static int read_brace(struct access_format *f, weir_str rest, const char **words, weir_str *field)
{
	const char *end;

	*field = WEIR_STR("");
	if (rest.len >= 2 && rest.ptr[1] == rest.ptr[0]) {
		*words = "is too long";
		return add_step(f, (weir_str){ rest.ptr, 1 }) ? 2 : -EINVAL;
	}
	end = rest.ptr[0] == '{' ? memchr(rest.ptr, '}', rest.len) : NULL;
	if (!end) {
		*words = "has a brace without its other one; one that is meant stands twice";
		return -EINVAL;
	}
	*field = (weir_str){ rest.ptr + 1, (size_t)(end - rest.ptr) - 1 };
	if (f->n_steps == MAX_STEPS) {
		*words = "is too long";
		return -EINVAL;
	}
	*words = "has a field that there is not";
	return add_field(f, *field) ? (int)field->len + 2 : -EINVAL;
}

static int read_text(struct access_format *f, weir_str text, const char **words, weir_str *field)
{
	weir_str rest = text;
	int n;

	while (rest.len > 0) {
		size_t len = 0;

		while (len < rest.len && rest.ptr[len] != '{' && rest.ptr[len] != '}')
			len++;
		*words = "is too long";
		*field = WEIR_STR("");
		if (len > 0 && !add_step(f, (weir_str){ rest.ptr, len }))
			return -EINVAL;
		rest.ptr += len;
		rest.len -= len;
		if (rest.len == 0)
			break;
		n = read_brace(f, rest, words, field);
		if (n < 0)
			return n;
		rest.ptr += n;
		rest.len -= (size_t)n;
	}
	return 0;
}

/* {"time_iso":...,"event":... */
static void make_json(struct access_format *f)
{
	char *out = f->text;

	f->is_json = true;
	f->has_phases = true;
	for (size_t i = 0; i < N_JSON; i++) {
		char *key = out;
		struct step *step;

		*out++ = i == 0 ? '{' : ',';
		*out++ = '"';
		out = stpcpy(out, fields[i].name);
		*out++ = '"';
		*out++ = ':';
		(void)add_step(f, (weir_str){ key, (size_t)(out - key) });
		step = add_step(f, weir_strz(fields[i].name));
		step->field = &fields[i];
		step->special = special_of(&fields[i]);
	}
	(void)add_step(f, WEIR_STR("}"));
}

int access_format_new(weir_str text, struct access_format **ret_format, const char **reterr_words,
		      weir_str *reterr_field)
{
	_cleanup_(access_format_freep) struct access_format *f = NULL;
	const char *words = NULL;
	weir_str field = WEIR_STR("");
	int r = 0;

	*reterr_field = field;
	if (text.len == 0 || text.len > MAX_FORMAT || memchr(text.ptr, '\n', text.len)) {
		*reterr_words = text.len == 0		? "is empty"
				: text.len > MAX_FORMAT ? "is too long"
							: "has more than one line";
		return -EINVAL;
	}
	f = calloc(1, sizeof(*f) + MAX_FORMAT);
	if (!f)
		return -ENOMEM;
	if (weir_str_eq(text, WEIR_STR("json"))) {
		make_json(f);
	} else {
		memcpy(f->text, text.ptr, text.len);
		r = read_text(f, (weir_str){ f->text, text.len }, &words, &field);
	}
	if (r < 0) {
		/* In what the caller has, not in what is freed here. */
		if (field.len > 0)
			field.ptr = text.ptr + (field.ptr - f->text);
		*reterr_words = words;
		*reterr_field = field;
		return r;
	}
	*ret_format = steal_ptr(f);
	return 0;
}

struct access_format *access_format_free(struct access_format *format)
{
	free(format);
	return NULL;
}

/* ---- writing lines */

struct writer {
	char *out, *end;
	bool is_json;
};

static size_t left(const struct writer *w)
{
	return (size_t)(w->end - w->out);
}

static void put(struct writer *w, weir_str text)
{
	size_t n = text.len < left(w) ? text.len : left(w);

	if (n > 0)
		w->out = mempcpy(w->out, text.ptr, n);
}

static char *put_json_byte(char *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		*out++ = '\\';
		*out++ = (char)c;
		return out;
	}
	out = mempcpy(out, "\\u00", 4);
	*out++ = hex[c >> 4];
	*out++ = hex[c & 15];
	return out;
}

/* At most room bytes, and whole characters. What is no UTF-8 is taken for Latin-1, which loses nothing. */
static void put_json(struct writer *w, weir_str text, size_t room)
{
	const char *last = w->out + room - 8;
	bool is_utf8 = str_is_utf8(text);
	char *out = w->out;
	size_t i = 0;

	*out++ = '"';
	for (; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool is_inside = (c & 0xc0) == 0x80;

		/* A character of four bytes still has room behind this. */
		if (out + 12 > last && !(is_utf8 && is_inside))
			break;
		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || (c >= 0x80 && !is_utf8))
			out = put_json_byte(out, c);
		else
			*out++ = (char)c;
	}
	if (i < text.len)
		out = mempcpy(out, "...", 3);
	*out++ = '"';
	w->out = out;
}

static void put_value(struct writer *w, weir_str value, size_t max)
{
	size_t room = left(w) > SLACK ? left(w) - SLACK : 0;

	if (room > max)
		room = max;
	if (value.len == 0 || room < ACCESS_LINE_VALUE_MIN) {
		put(w, w->is_json ? WEIR_STR("null") : WEIR_STR("-"));
		return;
	}
	if (w->is_json)
		put_json(w, value, room);
	else
		w->out = access_line_put(w->out, value, room);
}

static void put_number(struct writer *w, uint64_t value)
{
	if (left(w) >= STR_DIGITS_MAX)
		w->out = str_put_u64(w->out, value);
}

/* 0.000123 */
static void put_seconds(struct writer *w, uint64_t us)
{
	char digits[6];

	put_number(w, us / 1000000);
	us %= 1000000;
	for (unsigned i = 6; i-- > 0; us /= 10)
		digits[i] = (char)('0' + us % 10);
	put(w, WEIR_STR("."));
	put(w, (weir_str){ digits, 6 });
}

static void put_quoted(struct writer *w, weir_str text)
{
	if (w->is_json)
		put(w, WEIR_STR("\""));
	put(w, text);
	if (w->is_json)
		put(w, WEIR_STR("\""));
}

static void put_nothing(struct writer *w)
{
	put(w, w->is_json ? WEIR_STR("null") : WEIR_STR("-"));
}

static void put_protocol(struct writer *w, unsigned version)
{
	char text[] = "HTTP/1.1";

	if (version == 0) {
		put_nothing(w);
		return;
	}
	text[5] = (char)('0' + version / 10 % 10);
	text[7] = (char)('0' + version % 10);
	put_quoted(w, (weir_str){ text, 8 });
}

static weir_str event_of(const struct access_log_line *line)
{
	if (line->is_session_end)
		return WEIR_STR("websocket_close");
	return line->status == 101 ? WEIR_STR("websocket_open") : WEIR_STR("request");
}

static void put_request(struct writer *w, const struct access_log_line *line)
{
	put_value(w, line->method, 64);
	if (line->method.len == 0)
		return;
	put(w, WEIR_STR(" "));
	put_value(w, line->target, 2048);
	if (line->version == 0)
		return;
	put(w, WEIR_STR(" "));
	put_protocol(w, line->version);
}

static void put_special(struct writer *w, enum special special, const struct access_log_line *line,
			const struct access_format_date *date)
{
	switch (special) {
	case SPECIAL_TIME_ISO:
		put_quoted(w, (weir_str){ date->iso, CLOCK_ISO_DATE - 1 });
		break;
	case SPECIAL_TIME:
		put_quoted(w, (weir_str){ date->log, CLOCK_LOG_DATE - 1 });
		break;
	case SPECIAL_EVENT:
		put_quoted(w, event_of(line));
		break;
	case SPECIAL_PROTOCOL:
		put_protocol(w, line->version);
		break;
	case SPECIAL_STATUS:
		put_number(w, (uint64_t)line->status);
		break;
	case SPECIAL_CLOSE_CODE:
		if (line->is_session_end)
			put_number(w, (uint64_t)line->close_code);
		else
			put_nothing(w);
		break;
	case SPECIAL_REQUEST:
		put_request(w, line);
		break;
	case SPECIAL_NONE:
		break;
	}
}

static void put_field(struct writer *w, const struct step *step, const struct access_log_line *line,
		      const struct access_format_date *date)
{
	const char *at = (const char *)line + step->field->offset;

	switch (step->field->kind) {
	case KIND_TEXT:
		put_value(w, *(const weir_str *)(const void *)at, step->field->max);
		break;
	case KIND_NUMBER:
		put_number(w, *(const uint64_t *)(const void *)at);
		break;
	case KIND_SECONDS:
		put_seconds(w, *(const uint64_t *)(const void *)at);
		break;
	case KIND_SPECIAL:
		put_special(w, step->special, line, date);
		break;
	}
}

size_t access_format_line(const struct access_format *format, char ret_text[ACCESS_LINE_MAX],
			  const struct access_log_line *line, const struct access_format_date *date)
{
	struct writer w = { .out = ret_text,
			    .end = ret_text + ACCESS_LINE_MAX - 1,
			    .is_json = format->is_json };

	for (size_t i = 0; i < format->n_steps; i++) {
		const struct step *step = &format->steps[i];

		if (step->field)
			put_field(&w, step, line, date);
		else if (step->is_header)
			put_value(&w, fields_get(line->headers, line->n_headers, step->text),
				  VALUE_MAX);
		else
			put(&w, step->text);
	}
	*w.out++ = '\n';
	return (size_t)(w.out - ret_text);
}
