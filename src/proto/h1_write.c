/*
 * h1_write.c - memcpy and digits. What does not change from one response to
 * the next is formatted at compile time: each registered status has its line;
 * and what changes with the time, once a second.
 */
#include "proto/h1_write.h"

#include <assert.h>

#include "base/str.h"
#include "proto/http.h"

#define FIRST_STATUS 100
#define LAST_STATUS 999

static const weir_str status_lines[512] = {
#define STATUS_LINE(code, words) \
	[code] = { "HTTP/1.1 " #code " " words "\r\n", sizeof("HTTP/1.1 " #code " " words) + 1 },
	HTTP_STATUS_TABLE(STATUS_LINE)
#undef STATUS_LINE
};

#define PUT(out, literal) mempcpy((out), (literal), sizeof(literal) - 1)

static inline char *put_field(char *out, weir_str name, weir_str value)
{
	out = str_put(out, name);
	out = PUT(out, ": ");
	out = str_put(out, value);
	return PUT(out, "\r\n");
}

static char *put_fields(char *out, const weir_header *fields, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++)
		out = put_field(out, fields[i].name, fields[i].value);
	return out;
}

static size_t fields_bound(const weir_header *fields, size_t n_fields)
{
	size_t len = 0;

	for (size_t i = 0; i < n_fields; i++)
		len += fields[i].name.len + fields[i].value.len + 4;
	return len;
}

void h1_write_own(struct h1_own *own, const char date[CLOCK_HTTP_DATE])
{
	memcpy(own->ok, H1_OWN_OK, sizeof(own->ok));
	memcpy(own->date, H1_OWN_DATE, sizeof(own->date));
	memcpy(own->date + strlen("date: "), date, CLOCK_HTTP_DATE);
	memcpy(own->server, H1_OWN_SERVER, sizeof(own->server));
}

/* A status of nobody's has no words; the space in front of them stays (RFC 9112, section 4). */
static char *put_status_line(char *out, int status)
{
	assert(status >= FIRST_STATUS && status <= LAST_STATUS);
	if ((size_t)status < ARRAY_LEN(status_lines) && status_lines[status].len > 0)
		return str_put(out, status_lines[status]);
	out = PUT(out, "HTTP/1.1 ");
	out = str_put_u64(out, (uint64_t)status);
	return PUT(out, " \r\n");
}

/* The status line, and what the server says of itself unless the application has said it. */
static char *put_start(char *out, const struct h1_response *resp, bool is_interim)
{
	const struct h1_own *own = resp->own;

	out = put_status_line(out, resp->status);
	if (is_interim || !own)
		return out;
	if (!resp->has_date)
		out = mempcpy(out, own->date, sizeof(own->date));
	if (!resp->has_server)
		out = mempcpy(out, own->server, sizeof(own->server));
	return out;
}

static inline char *put_length(char *out, int64_t content_length)
{
	out = PUT(out, "content-length: ");
	out = str_put_u64(out, (uint64_t)content_length);
	return PUT(out, "\r\n");
}

/* How the body ends, if the status may have one. */
static char *put_framing(char *out, const struct h1_response *resp)
{
	if (!http_status_has_length(resp->status))
		return out;
	if (resp->content_length >= 0)
		return put_length(out, resp->content_length);
	if (resp->is_chunked && resp->version >= 11)
		return PUT(out, "transfer-encoding: chunked\r\n");
	return out;
}

/* Upgrade is of this connection only, and must be said to be (RFC 9110, section 7.8). */
static char *put_connection(char *out, const struct h1_response *resp)
{
	if (!resp->keep_alive)
		return resp->has_upgrade ? PUT(out, "connection: close, upgrade\r\n")
					 : PUT(out, "connection: close\r\n");
	if (resp->version < 11)
		return PUT(out, "connection: keep-alive\r\n");
	return resp->has_upgrade ? PUT(out, "connection: upgrade\r\n") : out;
}

static inline char *put_type(char *out, weir_str type)
{
	out = PUT(out, "content-type: ");
	out = str_put(out, type);
	return PUT(out, "\r\n");
}

/* The longest of each: status line, framing, connection; names, ends, the empty line. */
#define REST_MAX                                                                        \
	(64 + sizeof(struct h1_own) + sizeof("content-length: \r\n") + STR_DIGITS_MAX + \
	 sizeof("connection: close, upgrade\r\n") + sizeof("content-type: \r\n") + 2)

size_t h1_write_measure(struct h1_response *resp)
{
	size_t len = REST_MAX + resp->type.len;

	resp->has_date = false;
	resp->has_server = false;
	resp->has_upgrade = false;
	for (size_t i = 0; i < resp->n_fields; i++) {
		weir_str name = resp->fields[i].name;

		len += name.len + resp->fields[i].value.len + 4;
		if (name.len == 4 && str_eq_nocase(name, WEIR_STR("date")))
			resp->has_date = true;
		if (name.len == 6 && str_eq_nocase(name, WEIR_STR("server")))
			resp->has_server = true;
		if (name.len == 7 && str_eq_nocase(name, WEIR_STR("upgrade")))
			resp->has_upgrade = true;
	}
	return len;
}

size_t h1_write_head(const struct h1_response *resp, char *out)
{
	bool is_interim = resp->status < 200 && resp->status != 101;
	char *start = out;

	out = put_start(out, resp, is_interim);
	if (!is_interim) {
		out = put_connection(out, resp);
		out = put_framing(out, resp);
	}
	if (resp->type.ptr)
		out = put_type(out, resp->type);
	out = put_fields(out, resp->fields, resp->n_fields);
	out = PUT(out, "\r\n");
	return (size_t)(out - start);
}

char *h1_write_usual(const struct h1_own *own, int64_t content_length, weir_str type, char *out)
{
	out = mempcpy(out, own, sizeof(*own));
	out = put_length(out, content_length);
	if (type.ptr)
		out = put_type(out, type);
	return PUT(out, "\r\n");
}

weir_str h1_write_continue(void)
{
	return WEIR_STR("HTTP/1.1 100 Continue\r\n\r\n");
}

size_t h1_write_chunk(uint64_t len, char out[H1_WRITE_CHUNK_MAX])
{
	unsigned n_digits = len ? (67 - (unsigned)__builtin_clzll(len)) / 4 : 1;

	for (unsigned i = 0; i < n_digits; i++)
		out[i] = "0123456789abcdef"[len >> 4 * (n_digits - 1 - i) & 15];
	out[n_digits] = '\r';
	out[n_digits + 1] = '\n';
	return n_digits + 2;
}

size_t h1_write_last_bound(const weir_header *fields, size_t n_fields)
{
	return sizeof("0\r\n\r\n") + fields_bound(fields, n_fields);
}

size_t h1_write_last(const weir_header *fields, size_t n_fields, char *out)
{
	char *start = out;

	out = PUT(out, "0\r\n");
	out = put_fields(out, fields, n_fields);
	out = PUT(out, "\r\n");
	return (size_t)(out - start);
}
