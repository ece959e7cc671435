/*
 * h1_read.c - the guard reads first and alone decides; llhttp (h1_second)
 * reads the same bytes afterwards, takes the fields apart, and must come to the
 * same end. Where two parsers agree, a third one in front of us has little to
 * smuggle.
 */
#include "proto/h1_read.h"

#include <assert.h>

#include "base/arena.h"
#include "proto/h1_second.h"
#include "proto/h1_trailer.h"

_Static_assert(sizeof(struct h1_read) <= 256, "one for every idle connection");

enum h1_read_state {
	READ_HEAD,    /* the head is not yet whole, or not yet taken apart */
	READ_LENGTH,  /* in a body with a length */
	READ_CHUNKS,  /* in a chunked body */
	READ_TRAILER, /* behind its last chunk */
	READ_DONE,    /* the message is over */
};

static int refuse(enum fault fault, enum fault *reterr_fault)
{
	*reterr_fault = fault;
	return -EPROTO;
}

void h1_read_init(struct h1_read *r, const struct h1_limits *limits)
{
	*r = (struct h1_read){ .limits = limits, .max_body = INT64_MAX, .state = READ_HEAD };
	h1_guard_init(&r->guard, H1_GUARD_START);
}

void h1_read_done(struct h1_read *r)
{
	r->trailers = h1_trailer_free(r->trailers);
}

void h1_read_next(struct h1_read *r)
{
	assert(r->state == READ_DONE);
	h1_read_done(r);
	h1_guard_init(&r->guard, H1_GUARD_START);
	r->max_body = INT64_MAX;
	r->state = READ_HEAD;
}

int h1_read_find(struct h1_read *r, const char *bytes, size_t len, size_t *ret_skip,
		 size_t *ret_len, enum fault *reterr_fault)
{
	int found;

	assert(r->state == READ_HEAD);
	found = h1_guard_scan(&r->guard, r->limits, bytes, len, reterr_fault);
	if (found <= 0)
		return found;
	*ret_skip = h1_guard_skipped(bytes);
	*ret_len = r->guard.pos - *ret_skip;
	return 1;
}

static weir_str span_str(const char *start, struct h1_span span)
{
	return (weir_str){ start + span.at, span.len };
}

static bool keeps_alive(unsigned version, unsigned seen)
{
	if (seen & H1_FACT_CLOSE)
		return false;
	return version >= 11 || (seen & H1_FACT_KEEP_ALIVE);
}

/* HTTP/1.0 knows neither expectations nor upgrades (RFC 9110, sections 10.1.1 and 7.8). */
static void fill_wishes(unsigned seen, struct h1_head *ret_head)
{
	const unsigned upgrade = H1_FACT_UPGRADE | H1_FACT_UPGRADE_TOKEN;

	ret_head->expects_continue = ret_head->has_body && (seen & H1_FACT_EXPECT_CONTINUE);
	ret_head->has_bad_expect = seen & H1_FACT_EXPECT_OTHER;
	ret_head->wants_upgrade = (seen & upgrade) == upgrade;
}

/* start: where find began, which is where the guard's offsets count from. */
static void fill_head(const struct h1_facts *f, const char *start, struct h1_head *ret_head)
{
	/* Read once: for all the compiler knows, each store below may change them. */
	unsigned seen = f->seen, version = f->version;
	uint64_t length = f->length;

	/* One by one: clearing the whole first would cost more than all of them. */
	ret_head->method.len = f->method_len;
	ret_head->method_id = (enum http_method)f->method;
	ret_head->target = span_str(start, f->target);
	ret_head->version = version;
	ret_head->content_length = seen & H1_FACT_LENGTH ? (int64_t)length : -1;
	ret_head->is_chunked = seen & H1_FACT_CHUNKED;
	ret_head->has_body = ret_head->is_chunked || length > 0;
	ret_head->keep_alive = keeps_alive(version, seen);
	fill_wishes(version >= 11 ? seen : 0, ret_head);
	ret_head->host = (weir_str){ NULL, 0 };
	if (f->authority.len > 0)
		ret_head->host = span_str(start, f->authority);
	else if (seen & H1_FACT_HOST)
		ret_head->host = span_str(start, f->host);
}

static void start_body(struct h1_read *r)
{
	const struct h1_facts *f = &r->guard.facts;

	r->state = READ_DONE;
	r->left = f->length;
	if (r->left > 0)
		r->state = READ_LENGTH;
	if (f->seen & H1_FACT_CHUNKED) {
		h1_chunk_init(&r->chunk);
		r->state = READ_CHUNKS;
	}
}

/* The room for fields is for those that the guard counted. */
static bool agree_on_head(const struct h1_second *s, const struct h1_facts *f,
			  const struct h1_head *head)
{
	return s->is_head_over && s->is_message_over != head->has_body &&
	       s->field == s->fields_end && s->target.ptr == head->target.ptr &&
	       s->target.len == head->target.len && s->is_chunked == head->is_chunked &&
	       s->length == f->length;
}

int h1_read_head(struct h1_read *r, char *bytes, size_t len, struct arena *arena,
		 struct h1_head *ret_head, enum fault *reterr_fault)
{
	const struct h1_facts *f = &r->guard.facts;
	struct h1_second s = { .bytes = bytes, .start = bytes };
	int ret;

	assert(r->state == READ_HEAD && len <= r->guard.pos);
	if (f->n_fields > 0) {
		s.fields = arena_alloc(arena, f->n_fields * sizeof(*s.fields));
		if (!s.fields)
			return -ENOMEM;
		s.field = s.fields;
		s.fields_end = s.fields + f->n_fields;
	}

	h1_second_begin(&r->parser);
	ret = h1_second_run(&r->parser, &s, len, reterr_fault);
	if (ret < 0)
		return ret;

	fill_head(f, bytes - (r->guard.pos - len), ret_head);
	if (!agree_on_head(&s, f, ret_head))
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
	ret_head->method.ptr = bytes;
	ret_head->fields = s.fields;
	ret_head->n_fields = f->n_fields;
	start_body(r);
	return 0;
}

void h1_read_limit_body(struct h1_read *r, uint64_t max_body)
{
	r->max_body = max_body < INT64_MAX ? max_body : INT64_MAX;
}

/* llhttp reads len bytes of a body, in which the guard saw this piece. */
static int agree_on_body(struct h1_read *r, const char *bytes, size_t len, weir_str piece,
			 bool is_last, enum fault *reterr_fault)
{
	struct h1_second s = { .start = bytes };
	int ret;

	ret = h1_second_run(&r->parser, &s, len, reterr_fault);
	if (ret < 0)
		return ret;
	if (s.piece.len != piece.len || (piece.len > 0 && s.piece.ptr != piece.ptr) ||
	    s.is_message_over != is_last)
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
	return 0;
}

static __attribute__((noinline)) int read_length(struct h1_read *r, const char *bytes, size_t len,
						 size_t *ret_used, weir_str *ret_piece,
						 enum fault *reterr_fault)
{
	size_t n = r->left < len ? (size_t)r->left : len;
	weir_str piece = { bytes, n };
	int ret;

	if (r->left > r->max_body)
		return refuse(FAULT_BODY_TOO_LARGE, reterr_fault);
	*ret_used = n;
	if (n == 0)
		return 0;

	ret = agree_on_body(r, bytes, n, piece, n == r->left, reterr_fault);
	if (ret < 0)
		return ret;
	r->left -= n;
	if (r->left == 0)
		r->state = READ_DONE;
	*ret_piece = piece;
	return 1;
}

/* The whole section is in memory of our own, or is the empty line and in the caller's. */
static int finish_trailer(struct h1_read *r, const char *bytes, size_t len,
			  enum fault *reterr_fault)
{
	struct h1_trailers *t = r->trailers;
	size_t n_fields = r->guard.facts.n_fields;
	struct h1_second s = { .start = bytes };
	int ret;

	if (t && n_fields > 0) {
		ret = h1_trailer_make_room(t, n_fields);
		if (ret < 0)
			return ret;
		s.bytes = t->bytes.data;
		s.fields = s.field = t->fields;
		s.fields_end = t->fields + n_fields;
	}
	ret = h1_second_run(&r->parser, &s, len, reterr_fault);
	if (ret < 0)
		return ret;
	if (s.field != s.fields_end || !s.is_message_over || s.piece.len > 0)
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
	if (t)
		t->n_fields = n_fields;
	r->state = READ_DONE;
	return H1_READ_END;
}

/* Appends what may belong to the section: never more than it may have. */
static int collect_trailer(struct h1_read *r, const char *bytes, size_t len, size_t *ret_taken)
{
	size_t room;

	if (!r->trailers) {
		r->trailers = h1_trailer_new(r->limits->max_head);
		if (!r->trailers)
			return -ENOMEM;
	}
	room = r->limits->max_head - r->trailers->bytes.len;
	*ret_taken = len < room ? len : room;
	return buf_append(&r->trailers->bytes, bytes, *ret_taken);
}

static __attribute__((noinline)) int read_trailer(struct h1_read *r, const char *bytes, size_t len,
						  size_t *ret_used, enum fault *reterr_fault)
{
	size_t taken = 0, before;
	const struct buf *section;
	int ret;

	*ret_used = len;
	if (len == 0)
		return 0;
	if (!r->trailers && len >= 2 && bytes[0] == '\r' && bytes[1] == '\n') {
		*ret_used = 2;
		return finish_trailer(r, bytes, 2, reterr_fault);
	}

	before = r->trailers ? r->trailers->bytes.len : 0;
	ret = collect_trailer(r, bytes, len, &taken);
	if (ret < 0)
		return ret;
	section = &r->trailers->bytes;
	ret = h1_guard_scan(&r->guard, r->limits, section->data, section->len, reterr_fault);
	if (ret <= 0)
		return ret;
	*ret_used = r->guard.pos - before;
	return finish_trailer(r, section->data, r->guard.pos, reterr_fault);
}

static __attribute__((noinline)) int read_chunks(struct h1_read *r, const char *bytes, size_t len,
						 size_t *ret_used, weir_str *ret_piece,
						 enum fault *reterr_fault)
{
	weir_str piece = { NULL, 0 };
	size_t used = 0, more = 0;
	int ret, agreed;

	*ret_used = 0;
	if (len == 0)
		return 0;
	ret = h1_chunk_next(&r->chunk, r->max_body, bytes, len, &used, &piece, reterr_fault);
	if (ret < 0)
		return ret;
	agreed = agree_on_body(r, bytes, used, piece, false, reterr_fault);
	if (agreed < 0)
		return agreed;

	if (ret == H1_CHUNK_LAST) {
		h1_guard_init(&r->guard, H1_GUARD_TRAILER);
		r->state = READ_TRAILER;
		ret = read_trailer(r, bytes + used, len - used, &more, reterr_fault);
	}
	if (ret == 1)
		*ret_piece = piece;
	*ret_used = used + more;
	return ret;
}

int h1_read_body(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
		 weir_str *ret_piece, enum fault *reterr_fault)
{
	switch ((enum h1_read_state)r->state) {
	case READ_LENGTH:
		return read_length(r, bytes, len, ret_used, ret_piece, reterr_fault);
	case READ_CHUNKS:
		return read_chunks(r, bytes, len, ret_used, ret_piece, reterr_fault);
	case READ_TRAILER:
		return read_trailer(r, bytes, len, ret_used, reterr_fault);
	case READ_HEAD:
	case READ_DONE:
	default:
		assert(r->state == READ_DONE);
		*ret_used = 0;
		return H1_READ_END;
	}
}

const weir_header *h1_read_trailers(const struct h1_read *r, size_t *ret_n_fields)
{
	*ret_n_fields = r->state == READ_DONE && r->trailers ? r->trailers->n_fields : 0;
	return *ret_n_fields > 0 ? r->trailers->fields : NULL;
}
