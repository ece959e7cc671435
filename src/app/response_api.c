/*
 * response_api.c - the half of weir/http.h that answers. Without middleware a
 * call goes straight to the exchange; with it, it becomes the same events that
 * an ASGI handler would have sent, so that a layer sees them all.
 */
#include "app/response_api.h"

#include <stdarg.h>
#include <stdio.h>
#include <weir/http.h>

#include "app/asgi.h"
#include "app/gzip.h"
#include "app/req.h"
#include "app/req_io.h"
#include "app/request_api.h"
#include "app/site.h"
#include "base/log.h"
#include "base/str.h"
#include "base/trace.h"
#include "proto/http.h"

static bool is_direct(const struct req *req)
{
	return req->pub.io == &asgi_io;
}

/* ---- fields */

static weir_header *find_field(const struct req_fields *fields, weir_str name)
{
	for (size_t i = 0; i < fields->n; i++) {
		if (str_eq_nocase(fields->items[i].name, name))
			return &fields->items[i];
	}
	return NULL;
}

bool response_api_has_field(const struct req *req, weir_str name)
{
	return find_field(&req->fields, name);
}

/* All of that name from the given place on. */
static void drop_fields(struct req_fields *fields, size_t from, weir_str name)
{
	size_t kept = from;

	for (size_t i = from; i < fields->n; i++) {
		if (!str_eq_nocase(fields->items[i].name, name))
			fields->items[kept++] = fields->items[i];
	}
	fields->n = kept;
}

/* A copy of name and value in request memory: the caller's is its own again. */
static int own_field(struct req *req, weir_str *name, weir_str *value)
{
	*name = arena_copy(req->arena, *name);
	*value = arena_copy(req->arena, *value);
	return name->ptr && value->ptr ? 0 : -ENOMEM;
}

static int promise_length(struct req *req, weir_str value)
{
	uint64_t length;
	int r;

	r = str_to_u64(value, &length);
	if (r < 0 || length > INT64_MAX)
		return -EINVAL;
	req->content_length = (int64_t)length;
	return 0;
}

static int put_field(struct req *req, weir_str name, weir_str value, bool is_replacing)
{
	weir_header *field = NULL;

	if (is_replacing)
		field = find_field(&req->fields, name);
	if (!field)
		return req_fields_add(req, &req->fields, name, value);
	field->value = value;
	drop_fields(&req->fields, (size_t)(field - req->fields.items) + 1, name);
	return 0;
}

static int take_field(struct req *req, const char *name_z, weir_str value, bool is_replacing)
{
	weir_str name = weir_strz(name_z);
	int r;

	if (!req->ex)
		return -EOPNOTSUPP;
	if (req->ex->phase != EXCHANGE_WAITING && !exchange_is_gone(req->ex))
		return -EPROTO;
	if (str_eq_nocase(name, WEIR_STR("content-length")))
		return promise_length(req, value);
	r = http_field_check(name, value);
	if (r < 0)
		return r;
	r = own_field(req, &name, &value);
	if (r < 0)
		return r;
	return put_field(req, name, value, is_replacing);
}

int weir_set_header(weir_req *req, const char *name, weir_str value)
{
	return take_field(req_of(req), name, value, true);
}

int weir_add_header(weir_req *req, const char *name, weir_str value)
{
	return take_field(req_of(req), name, value, false);
}

/* ---- the answer */

static int send_start_event(struct req *req, int status, int64_t length)
{
	weir_event ev = { .type = WEIR_HTTP_START, .status = status };
	int r;

	if (length >= 0) {
		weir_str digits = weir_printf(&req->pub, "%lld", (long long)length);

		if (!digits.ptr)
			return -ENOMEM;
		r = req_fields_add(req, &req->fields, WEIR_STR("content-length"), digits);
		if (r < 0)
			return r;
	}
	ev.headers = req->fields.items;
	ev.n_headers = req->fields.n;
	return weir_send(&req->pub, &ev);
}

/* Can an answer begin with these? */
static inline int check_start(const struct req *req, int status, weir_str type)
{
	if (status < 200 || status > 999)
		return -EINVAL;
	if (!req->ex)
		return -EOPNOTSUPP;
	return http_is_value(type) ? 0 : -EINVAL;
}

/* Borrowed for as long as the head is not out. */
static int put_type(struct req *req, weir_str type)
{
	return type.ptr ? put_field(req, WEIR_STR("content-type"), type, true) : 0;
}

static int begin(struct req *req, int status, int64_t length)
{
	if (!is_direct(req))
		return send_start_event(req, status, length);
	return req_io_head(req, status, length, req->fields.items, req->fields.n);
}

/* What is promised, or else this, where a status has a body at all. */
static int64_t length_of(const struct req *req, int status, int64_t length)
{
	if (req->content_length >= 0)
		return req->content_length;
	return http_status_has_body(status) ? length : -1;
}

/* One call after the other: as layers around the handler see it, a length was promised, or there is much. */
static COLD int respond_in_steps(struct req *req, int status, weir_str type, weir_str body)
{
	int r;

	r = put_type(req, type);
	if (r < 0)
		return r;
	r = begin(req, status, length_of(req, status, (int64_t)body.len));
	if (r < 0)
		return r;
	if (!is_direct(req))
		return weir_send(&req->pub, &(weir_event){ .type = WEIR_HTTP_BODY, .body = body });
	r = req_io_piece(req, body);
	if (r < 0)
		return r;
	return req_io_end(req, NULL, 0);
}

/* The handler has set fields, perhaps the type as well. */
static APART int respond_with_fields(struct req *req, int status, weir_str type, weir_str body)
{
	int r;

	r = put_type(req, type);
	if (r < 0)
		return r;
	return req_io_respond(req, status, (weir_str){ NULL, 0 }, body);
}

HOT int weir_respond(weir_req *pub, int status, const char *type_z, weir_str body)
{
	struct req *req = req_of(pub);
	weir_str type = weir_strz(type_z);
	int r;

	r = check_start(req, status, type);
	if (r < 0)
		return r;
	if (!is_direct(req) || req->content_length >= 0 || body.len > EXCHANGE_SMALL)
		return respond_in_steps(req, status, type, body);
	if (req->fields.n > 0)
		return trace_keep(respond_with_fields(req, status, type, body));
	return req_io_respond(req, status, type, body);
}

int weir_start(weir_req *pub, int status, const char *type_z)
{
	struct req *req = req_of(pub);
	weir_str type = weir_strz(type_z);
	int r;

	r = check_start(req, status, type);
	if (r < 0)
		return r;
	r = put_type(req, type);
	if (r < 0)
		return r;
	return begin(req, status, length_of(req, status, -1));
}

int weir_write(weir_req *pub, weir_str bytes)
{
	struct req *req = req_of(pub);

	if (!is_direct(req))
		return weir_send(pub,
				 &(weir_event){ .type = WEIR_HTTP_BODY, .body = bytes, .more = 1 });
	return trace_keep(req_io_piece(req, bytes));
}

int weir_writef(weir_req *req, const char *fmt, ...)
{
	WEIR_SCRATCH(req); /* the text is copied when weir_write() returns */
	weir_str text;
	va_list ap;

	va_start(ap, fmt);
	text = request_api_vprintf(req, fmt, ap);
	va_end(ap);
	return weir_write(req, text);
}

int weir_sendfile(weir_req *pub, int fd, uint64_t offset, uint64_t len)
{
	struct req *req = req_of(pub);

	/* Middleware sees bytes or nothing: a file behind its back would be neither. */
	if (!is_direct(req))
		return gzip_sendfile(req, fd, offset, len);
	return req_io_file(req, fd, offset, len);
}

int weir_interim(weir_req *pub, int status, const weir_header *headers, size_t n_headers)
{
	int r;

	if (status < 100 || status > 199 || status == 101)
		return -EINVAL;
	for (size_t i = 0; i < n_headers; i++) {
		r = http_field_check(headers[i].name, headers[i].value);
		if (r < 0)
			return r;
		/* RFC 9110, section 8.6: it would be taken for the final answer's. */
		if (str_eq_nocase(headers[i].name, WEIR_STR("content-length")))
			return -EINVAL;
	}
	return req_io_interim(req_of(pub), status, headers, n_headers);
}

int response_api_end(struct req *req)
{
	if (is_direct(req) || !req->ex || req->ex->phase != EXCHANGE_STARTED)
		return 0;
	return weir_send(&req->pub, &(weir_event){ .type = WEIR_HTTP_BODY });
}
