/*
 * h1_answer.c - what an exchange says, as HTTP/1.1 bytes. Everything goes
 * through the stream's queue and leaves on the loop's stack: when the pump that
 * is running ends, or at the end of this turn. So several small calls of a
 * handler share a send, and no task's stack carries the kernel's path.
 */
#include "serve/h1_answer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "proto/h1_write.h"
#include "proto/http.h"
#include "serve/errpage.h"
#include "serve/h1_body.h"
#include "serve/h1_tunnel.h"
#include "serve/server.h"

#define CRLF H1_WRITE_CRLF

/* How its peer will see the end of an answer whose length is open. */
static APART void choose_end(struct h1_conn *c)
{
	if (c->ex->is_bodiless)
		return;
	c->is_chunked = c->ex->head.version == 11;
	c->is_until_close = !c->is_chunked;
}

/* The request's body is not over: will it be? is_whole: nothing will follow the answer's head. */
static APART bool will_end_body(const struct h1_conn *c, bool is_whole)
{
	if (h1_body_can_discard(c))
		return true;
	/* Who starts to say yes before the body is here will read it; the others will not. */
	return !is_whole && c->ex->status < 400 && !h1_body_is_held_back(c);
}

/* Body: what follows at once, in the same block. */
static int queue_head(struct h1_conn *c, struct h1_response *resp, weir_str body)
{
	size_t bound = h1_write_measure(resp) + body.len, n;
	char *out = outq_reserve(&c->stream.out, bound);

	if (!out)
		return -ENOMEM;
	n = h1_write_head(resp, out);
	(void)str_put(out + n, body);
	outq_commit(&c->stream.out, n + body.len);
	h1_conn_queued(c);
	return 0;
}

static APART int queue_final(struct h1_conn *c, int64_t content_length, const weir_header *fields,
			     size_t n_fields, weir_str body)
{
	const struct exchange *ex = c->ex;
	struct h1_response resp = {
		.status = ex->status,
		.version = ex->head.version,
		.keep_alive = c->keeps_alive,
		.content_length = content_length,
		.is_chunked = content_length < 0 && http_status_has_body(ex->status),
		.own = server_own(c->server),
		.type = ex->type,
		.fields = fields,
		.n_fields = n_fields,
	};

	return queue_head(c, &resp, body);
}

/* The same for a head that h1_write_usual() knows. */
static inline int queue_usual(struct h1_conn *c, int64_t content_length, weir_str body)
{
	weir_str type = c->ex->type;
	size_t bound = H1_WRITE_USUAL_MAX + type.len + body.len;
	char *start = outq_reserve(&c->stream.out, bound), *out;

	if (!start)
		return -ENOMEM;
	out = h1_write_usual(server_own(c->server), content_length, type, start);
	out = str_put(out, body);
	outq_commit(&c->stream.out, (size_t)(out - start));
	h1_conn_queued(c);
	return 0;
}

static HOT int on_head(struct exchange *ex, int64_t content_length, const weir_header *fields,
		       size_t n_fields, weir_str body)
{
	struct h1_conn *c = ex->conn;
	bool is_open = content_length < 0 && http_status_has_body(ex->status);

	assert(body.len == 0 || !is_open);
	if (is_open)
		choose_end(c);
	/* Will the connection be in step after this answer? */
	if (c->is_until_close || c->server->is_draining || c->body_error < 0 ||
	    (c->state == H1_BODY &&
	     !will_end_body(c, !is_open && (body.len > 0 || content_length <= 0))))
		c->keeps_alive = false;
	if (ex->status == 200 && n_fields == 0 && content_length >= 0 && c->keeps_alive &&
	    ex->head.version >= 11)
		return queue_usual(c, content_length, body);
	return queue_final(c, content_length, fields, n_fields, body);
}

/* Bytes that may be queued now. */
static size_t room(const struct h1_conn *c)
{
	size_t queued = c->stream.out.queued, high = c->server->limits.high_water;

	return queued < high && c->stream.out.file_left == 0 ? high - queued : 0;
}

static int on_interim(struct exchange *ex, int status, const weir_header *fields, size_t n_fields)
{
	struct h1_conn *c = ex->conn;
	struct h1_response resp = {
		.status = status,
		.version = ex->head.version,
		.keep_alive = true,
		.content_length = -1,
		.fields = fields,
		.n_fields = n_fields,
	};

	/* RFC 9110, section 15.2: a 1.0 client knows no interim responses. */
	if (ex->head.version == 10)
		return 0;
	if (room(c) == 0) {
		c->wants_room = true;
		return -EAGAIN;
	}
	if (status == 100)
		c->has_continued = true;
	return queue_head(c, &resp, (weir_str){ NULL, 0 });
}

int h1_answer_continue(struct h1_conn *c)
{
	weir_str line = h1_write_continue();
	int r;

	if (!h1_body_is_held_back(c) || c->ex->phase != EXCHANGE_WAITING)
		return 0;
	r = outq_append(&c->stream.out, line.ptr, line.len);
	if (r < 0)
		return r;
	c->has_continued = true;
	h1_conn_queued(c);
	return 0;
}

static int queue_chunk_line(struct h1_conn *c, uint64_t len)
{
	char line[2 + H1_WRITE_CHUNK_MAX] = CRLF;
	size_t crlf_len = c->owes_crlf ? 2 : 0;
	size_t n = h1_write_chunk(len, line + 2);

	c->owes_crlf = false;
	return outq_append(&c->stream.out, line + 2 - crlf_len, n + crlf_len);
}

static ssize_t on_piece(struct exchange *ex, weir_str bytes)
{
	struct h1_conn *c = ex->conn;
	size_t n = room(c);
	int r = 0;

	if (n >= bytes.len)
		n = bytes.len;
	else
		c->wants_room = true;
	if (n == 0)
		return 0;

	if (c->is_chunked)
		r = queue_chunk_line(c, n);
	if (r >= 0)
		r = outq_append(&c->stream.out, bytes.ptr, n);
	if (r >= 0 && c->is_chunked)
		r = outq_append(&c->stream.out, CRLF, 2);
	h1_conn_queued(c);
	return r < 0 ? r : (ssize_t)n;
}

static int on_file(struct exchange *ex, int fd, uint64_t offset, uint64_t len)
{
	struct h1_conn *c = ex->conn;
	int r;

	c->wants_room = true;
	if (room(c) == 0)
		return -EAGAIN;
	if (c->is_chunked) {
		r = queue_chunk_line(c, len);
		if (r < 0)
			return r;
		c->owes_crlf = true;
	}
	outq_append_file(&c->stream.out, fd, offset, len);
	h1_conn_queued(c);
	return 1;
}

static int queue_last(struct h1_conn *c, const weir_header *trailers, size_t n_trailers)
{
	size_t bound = h1_write_last_bound(trailers, n_trailers);
	char *out;

	if (c->owes_crlf && outq_append(&c->stream.out, CRLF, 2) < 0)
		return -ENOMEM;
	c->owes_crlf = false;
	out = outq_reserve(&c->stream.out, bound);
	if (!out)
		return -ENOMEM;
	outq_commit(&c->stream.out, h1_write_last(trailers, n_trailers, out));
	h1_conn_queued(c);
	return 0;
}

static int on_end(struct exchange *ex, const weir_header *trailers, size_t n_trailers)
{
	struct h1_conn *c = ex->conn;

	if (c->stream.out.file_left > 0) {
		c->wants_room = true;
		return -EAGAIN;
	}
	return c->is_chunked ? queue_last(c, trailers, n_trailers) : 0;
}

/*
 * What was queued so far still leaves; nothing will follow it. Not a file: its
 * descriptor is the handler's, who may close it now and open another.
 */
static void on_abort(struct exchange *ex)
{
	struct h1_conn *c = ex->conn;

	outq_drop_file(&c->stream.out);
	c->keeps_alive = false;
}

static int on_upgrade(struct exchange *ex, const weir_header *fields, size_t n_fields,
		      struct tunnel **ret_tunnel)
{
	struct h1_conn *c = ex->conn;
	struct h1_response resp = {
		.status = 101,
		.version = ex->head.version,
		.keep_alive = true,
		.content_length = -1,
		.own = server_own(c->server),
		.fields = fields,
		.n_fields = n_fields,
	};
	struct h1_tunnel *ht;
	int r;

	r = h1_tunnel_new(c, &ht);
	if (r < 0)
		return r;
	r = queue_head(c, &resp, (weir_str){ NULL, 0 });
	if (r < 0) {
		(void)h1_tunnel_free(ht);
		return r;
	}
	h1_tunnel_begin(ht, c);
	*ret_tunnel = &ht->tunnel;
	return 0;
}

static void on_pace(struct exchange *ex, struct pace *pace)
{
	struct h1_conn *c = ex->conn;

	c->pace = pace;
}

/* The usual fields, and one more, unless the application has said it itself. */
static COLD int on_head_adding(struct exchange *ex, int64_t content_length,
			       const weir_header *fields, size_t n_fields, weir_str body)
{
	weir_header *more = arena_alloc(&ex->arena, (n_fields + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	for (size_t i = 0; i < n_fields; i++) {
		if (str_eq_nocase(fields[i].name, ex->added.name))
			return on_head(ex, content_length, fields, n_fields, body);
		more[i] = fields[i];
	}
	more[n_fields] = ex->added;
	return on_head(ex, content_length, more, n_fields + 1, body);
}

static const struct exchange_down adding_down = {
	.interim = on_interim,
	.head = on_head_adding,
	.piece = on_piece,
	.file = on_file,
	.end = on_end,
	.next = h1_body_next,
	.upgrade = on_upgrade,
	.abort = on_abort,
	.pace = on_pace,
};

const struct exchange_down h1_answer_down = {
	.adding = &adding_down,
	.interim = on_interim,
	.head = on_head,
	.piece = on_piece,
	.file = on_file,
	.end = on_end,
	.next = h1_body_next,
	.upgrade = on_upgrade,
	.abort = on_abort,
	.pace = on_pace,
};

void h1_answer_refuse(struct h1_conn *c, enum fault fault, bool is_head)
{
	char *out = outq_reserve(&c->stream.out, ERRPAGE_MAX);

	if (!out)
		return; /* it will see the end of the connection */
	outq_commit(&c->stream.out, errpage_write(out, fault, server_own(c->server), !is_head));
	h1_conn_queued(c);
}
