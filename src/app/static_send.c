/* static_send.c - see static_send.h. */
#include "app/static_send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/req.h"
#include "app/static_file.h"
#include "base/str.h"
#include "coro/offload.h"
#include "proto/range.h"

/* So much of a file at once, when it has been seen to be in memory; or all of what nobody gets. */
#define CHUNK ((uint64_t)1 << 20)
/* The same where a layer of middleware wants to see it. */
#define COPY_CHUNK ((size_t)64 * 1024)

void static_send_fields(struct req *req, struct static_body *body, unsigned n)
{
	/* They are read only: who adds one copies them, because there is no room. */
	req->fields = (struct req_fields){ (weir_header *)(uintptr_t)body->fields, n, n };
}

/* ---- bytes */

struct part_call {
	struct static_body *body;
	uint64_t offset, len;
	char *bytes; /* to be read into */
	int r;
};

static int warm_on_thread(void *arg)
{
	const struct part_call *call = arg;

	return static_file_warm(call->body, call->offset, call->len);
}

static int read_on_thread(void *arg)
{
	struct part_call *call = arg;
	uint64_t done = 0;

	while (done < call->len) {
		ssize_t n = pread(call->body->fd, call->bytes + done, call->len - done,
				  (off_t)(call->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			call->r = n < 0 ? -errno : -EIO;
			return 0;
		}
		done += (uint64_t)n;
	}
	return 0;
}

/* Layers around the handler see bytes. */
static int copy_part(struct req *req, struct part_call *call)
{
	uint64_t end = call->offset + call->len;
	int r = 0;

	call->bytes = malloc(COPY_CHUNK);
	if (!call->bytes)
		return -ENOMEM;
	for (; call->offset < end && r >= 0; call->offset += call->len) {
		call->len = end - call->offset < COPY_CHUNK ? end - call->offset : COPY_CHUNK;
		r = offload(read_on_thread, call);
		if (r >= 0)
			r = call->r;
		if (r >= 0)
			r = weir_write(&req->pub, (weir_str){ call->bytes, call->len });
	}
	free(call->bytes);
	return r;
}

static int send_file_part(struct req *req, struct static_body *body, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len, chunk = req->ex->is_bodiless ? len : CHUNK;
	int r = 0;

	for (; offset < end && r >= 0; offset += len) {
		struct part_call call = { .body = body, .offset = offset };

		len = end - offset < chunk ? end - offset : chunk;
		call.len = len;
		if (!req->ex->is_bodiless && !static_file_is_warm(body, offset, len))
			r = offload(warm_on_thread, &call);
		if (r >= 0)
			r = weir_sendfile(&req->pub, body->fd, offset, len);
		if (r == -EOPNOTSUPP) {
			call.len = end - offset;
			return copy_part(req, &call);
		}
	}
	return r;
}

static int send_part(struct req *req, struct static_body *body, uint64_t offset, uint64_t len)
{
	if (body->fd < 0)
		return weir_write(&req->pub, (weir_str){ body->bytes + offset, len });
	return send_file_part(req, body, offset, len);
}

/* ---- answers */

int static_send_all(struct req *req, struct static_body *body)
{
	int r;

	static_send_fields(req, body, body->n_fields);
	if (body->fd < 0)
		return weir_respond(&req->pub, 200, NULL, (weir_str){ body->bytes, body->size });
	req->content_length = (int64_t)body->size;
	r = weir_start(&req->pub, 200, NULL);
	return r < 0 ? r : send_file_part(req, body, 0, body->size);
}

static int add_content_range(struct req *req, const struct range *range, uint64_t size)
{
	unsigned long long first = range->first, last = range->first + range->len - 1;
	weir_str value = weir_printf(&req->pub, "bytes %llu-%llu/%llu", first, last,
				     (unsigned long long)size);

	if (!value.ptr)
		return -ENOMEM;
	return req_fields_add(req, &req->fields, WEIR_STR("content-range"), value);
}

static int send_one(struct req *req, struct static_body *body, const struct range *range)
{
	int r;

	static_send_fields(req, body, body->n_fields);
	r = add_content_range(req, range, body->size);
	if (r < 0)
		return r;
	req->content_length = (int64_t)range->len;
	r = weir_start(&req->pub, 206, NULL);
	return r < 0 ? r : send_part(req, body, range->first, range->len);
}

/* What stands before a part, or behind the last one. */
#define PART_HEAD 320
struct parts {
	struct static_body *body;
	weir_str type;
	char boundary[SITE_ID_LEN + 8];
};

static size_t put_part_head(const struct parts *parts, const struct range *range,
			    char ret_text[PART_HEAD])
{
	return (size_t)snprintf(ret_text, PART_HEAD,
				"\r\n--%s\r\ncontent-type: %.*s\r\ncontent-range: bytes "
				"%llu-%llu/%llu\r\n\r\n",
				parts->boundary, WEIR_ARG(parts->type),
				(unsigned long long)range->first,
				(unsigned long long)(range->first + range->len - 1),
				(unsigned long long)parts->body->size);
}

static size_t put_parts_end(const struct parts *parts, char ret_text[PART_HEAD])
{
	return (size_t)snprintf(ret_text, PART_HEAD, "\r\n--%s--\r\n", parts->boundary);
}

static uint64_t measure_parts(const struct parts *parts, const struct range *ranges, int n)
{
	char text[PART_HEAD];
	uint64_t total = put_parts_end(parts, text);

	for (int i = 0; i < n; i++)
		total += put_part_head(parts, &ranges[i], text) + ranges[i].len;
	return total;
}

/* The file's own fields, but for its type, which each part has. */
static int add_fields_of_parts(struct req *req, struct parts *parts)
{
	struct static_body *body = parts->body;
	weir_str type;
	int r = 0;

	for (unsigned i = 0; i < body->n_fields && r >= 0; i++) {
		if (weir_str_eq(body->fields[i].name, WEIR_STR("content-type")))
			parts->type = body->fields[i].value;
		else
			r = req_fields_add(req, &req->fields, body->fields[i].name,
					   body->fields[i].value);
	}
	if (r < 0)
		return r;
	type = weir_printf(&req->pub, "multipart/byteranges; boundary=%s", parts->boundary);
	if (!type.ptr)
		return -ENOMEM;
	return req_fields_add(req, &req->fields, WEIR_STR("content-type"), type);
}

static int send_several(struct req *req, struct static_body *body, const struct range *ranges,
			int n)
{
	struct parts parts = { .body = body };
	char text[PART_HEAD];
	int r;

	(void)snprintf(parts.boundary, sizeof(parts.boundary), "part-%.*s", SITE_ID_LEN, req->id);
	r = add_fields_of_parts(req, &parts);
	if (r < 0)
		return r;
	req->content_length = (int64_t)measure_parts(&parts, ranges, n);
	r = weir_start(&req->pub, 206, NULL);
	for (int i = 0; i < n && r >= 0; i++) {
		size_t len = put_part_head(&parts, &ranges[i], text);

		r = weir_write(&req->pub, (weir_str){ text, len });
		if (r >= 0)
			r = send_part(req, body, ranges[i].first, ranges[i].len);
	}
	return r < 0 ? r : weir_write(&req->pub, (weir_str){ text, put_parts_end(&parts, text) });
}

static int refuse_range(struct req *req, struct static_body *body)
{
	weir_str value = weir_printf(&req->pub, "bytes */%llu", (unsigned long long)body->size);
	int r;

	if (!value.ptr)
		return -ENOMEM;
	r = req_fields_add(req, &req->fields, WEIR_STR("content-range"), value);
	if (r < 0)
		return r;
	return weir_respond(&req->pub, 416, "text/plain; charset=utf-8",
			    WEIR_STR("416 Range Not Satisfiable\n"));
}

int static_send_ranges(struct req *req, struct static_body *body, weir_str range)
{
	struct range ranges[RANGE_MAX];
	int n = range_parse(range, body->size, ranges);

	if (n == -ERANGE)
		return refuse_range(req, body);
	if (n == 0)
		return static_send_all(req, body);
	return n == 1 ? send_one(req, body, &ranges[0]) : send_several(req, body, ranges, n);
}
