/*
 * h1_read.c - the guard reads first and alone decides; usual heads h1_quick
 * takes in one go, as the guard would. Where a body follows, llhttp (h1_second)
 * reads the same bytes afterwards and must come to the same end: where two
 * parsers agree on how long a message is, a third one in front of us has little
 * to smuggle. A head without a body ends where its empty line is, whoever reads
 * it; there, that llhttp takes what the guard takes is the fuzzer's to show.
 */
#include "proto/h1_read.h"

#include <assert.h>

#include "base/arena.h"
#include "proto/h1_quick.h"
#include "proto/h1_second.h"
#include "proto/h1_trailer.h"
#include "proto/scan.h"

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

void h1_read_init(struct h1_read *r, const struct h1_limits *limits, struct h1_field_at *fields_at)
{
	*r = (struct h1_read){
		.limits = limits, .fields_at = fields_at, .max_body = INT64_MAX, .state = READ_HEAD
	};
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
	r->is_split = false;
}

static weir_str span_str(const char *start, struct h1_span span)
{
	return (weir_str){ start + span.at, span.len };
}

/* HTTP/1.0 knows neither expectations nor upgrades (RFC 9110, sections 10.1.1 and 7.8). */
static void fill_wishes(unsigned seen, struct h1_head *ret_head)
{
	const unsigned upgrade = H1_FACT_UPGRADE | H1_FACT_UPGRADE_TOKEN;

	ret_head->expects_continue = ret_head->has_body && (seen & H1_FACT_EXPECT_CONTINUE);
	ret_head->has_bad_expect = seen & H1_FACT_EXPECT_OTHER;
	ret_head->wants_upgrade = (seen & upgrade) == upgrade;
}

static APART void fill_framing(const struct h1_facts *f, struct h1_head *ret_head)
{
	unsigned seen = f->seen, version = f->version;

	ret_head->content_length = seen & H1_FACT_LENGTH ? (int64_t)f->length : -1;
	ret_head->is_chunked = seen & H1_FACT_CHUNKED;
	ret_head->has_body = ret_head->is_chunked || f->length > 0;
	ret_head->keep_alive = !(seen & H1_FACT_CLOSE) &&
			       (version >= 11 || (seen & H1_FACT_KEEP_ALIVE));
	fill_wishes(version >= 11 ? seen : 0, ret_head);
}

/* The same where nothing was said: no body, and more requests may follow. */
static inline void fill_no_framing(struct h1_head *ret_head)
{
	ret_head->content_length = -1;
	ret_head->is_chunked = false;
	ret_head->has_body = false;
	ret_head->keep_alive = true;
	ret_head->expects_continue = false;
	ret_head->has_bad_expect = false;
	ret_head->wants_upgrade = false;
}

/* start: where reading began, which is where the guard's offsets count from. */
static void fill_head(const struct h1_facts *f, const char *start, struct h1_head *ret_head)
{
	/* Read once: for all the compiler knows, each store below may change them. */
	unsigned seen = f->seen, version = f->version;

	/* One by one: clearing the whole first would cost more than all of them. */
	ret_head->method.len = f->method_len;
	ret_head->method_id = (enum http_method)f->method;
	ret_head->target = span_str(start, f->target);
	ret_head->path_len = f->path_len;
	ret_head->version = version;
	if (version >= 11 && !(seen & ~(H1_FACT_HOST | H1_FACT_KEEP_ALIVE)))
		fill_no_framing(ret_head);
	else
		fill_framing(f, ret_head);
	ret_head->host = (weir_str){ NULL, 0 };
	if (f->authority.len > 0)
		ret_head->host = span_str(start, f->authority);
	else if (seen & H1_FACT_HOST)
		ret_head->host = span_str(start, f->host);
}

static void start_body(struct h1_read *r, const struct h1_head *head)
{
	r->state = READ_LENGTH;
	r->left = r->guard.facts.length;
	if (head->is_chunked) {
		h1_chunk_init(&r->chunk);
		r->state = READ_CHUNKS;
	}
}

/* bytes: where the offsets count from. Names become lower-case. */
static void fill_fields(char *bytes, const struct h1_field_at *at, size_t n, weir_header *fields)
{
	for (size_t i = 0; i < n; i++) {
		scan_lower(bytes + at[i].name.at, at[i].name.len);
		fields[i].name = span_str(bytes, at[i].name);
		fields[i].value = span_str(bytes, at[i].value);
	}
}

/* Others were looked at since the first piece of this section: once more, for its fields. */
static COLD void find_again(struct h1_read *r, const char *start, enum h1_guard_state state)
{
	size_t len = r->guard.pos;
	enum fault fault;
	int found;

	h1_guard_init(&r->guard, state);
	found = h1_guard_scan(&r->guard, r->limits, start, len, r->fields_at, &fault);
	assert(found == 1 && r->guard.pos == len);
	(void)found;
}

/* llhttp reads the head: does it see the same? */
static COLD int agree_on_head(struct h1_read *r, const char *bytes, size_t len,
			      const struct h1_head *head, enum fault *reterr_fault)
{
	struct h1_second s = { .start = bytes };
	int ret;

	h1_second_expect(&s, head->fields, head->n_fields);
	h1_second_begin(&r->parser);
	ret = h1_second_run(&r->parser, &s, len, reterr_fault);
	if (ret < 0)
		return ret;
	if (!h1_second_saw_all(&s) || !s.is_head_over || s.is_message_over ||
	    s.target.ptr != head->target.ptr || s.target.len != head->target.len ||
	    s.is_chunked != head->is_chunked || s.length != r->guard.facts.length)
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
	return 0;
}

/* All but the fields; skip: bytes before the head. How many it took with them. */
static inline ssize_t finish_head(struct h1_read *r, const char *start, size_t skip, size_t taken,
				  struct h1_head *head, enum fault *reterr_fault)
{
	int ret;

	fill_head(&r->guard.facts, start, head);
	head->method.ptr = start + skip;
	r->state = READ_DONE;
	if (head->has_body) {
		start_body(r, head);
		ret = agree_on_head(r, start + skip, taken - skip, head, reterr_fault);
		if (ret < 0)
			return ret;
	}
	return (ssize_t)taken;
}

/* The guard reads what is not usual, or not all here. */
static COLD ssize_t read_carefully(struct h1_read *r, char *bytes, size_t len, struct arena *arena,
				   struct h1_head *ret_head, enum fault *reterr_fault)
{
	struct h1_guard *g = &r->guard;
	size_t n;
	int found;

	found = h1_guard_scan(g, r->limits, bytes, len, r->fields_at, reterr_fault);
	if (found <= 0) {
		r->is_split = true;
		return found;
	}
	if (r->is_split)
		find_again(r, bytes, H1_GUARD_START);
	n = g->facts.n_fields;
	ret_head->fields = NULL;
	ret_head->n_fields = n;
	if (n > 0) {
		ret_head->fields = arena_alloc(arena, n * sizeof(*ret_head->fields));
		if (!ret_head->fields)
			return -ENOMEM;
	}
	fill_fields(bytes, r->fields_at, n, ret_head->fields);
	return finish_head(r, bytes, h1_guard_skipped(bytes), g->pos, ret_head, reterr_fault);
}

static inline size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

ssize_t h1_read_head(struct h1_read *r, char *bytes, size_t len, struct arena *arena,
		     struct h1_head *ret_head, enum fault *reterr_fault)
{
	const struct h1_limits *limits = r->limits;
	weir_header *fields = arena_room(arena);
	size_t room, taken;

	assert(r->state == READ_HEAD);
	/* The first look only: who sends byte by byte must not have each looked at many times. */
	if (!fields || r->is_split)
		return read_carefully(r, bytes, len, arena, ret_head, reterr_fault);

	room = (size_t)(arena->end - (char *)fields) / sizeof(*fields);
	taken = h1_quick_read(&r->guard.facts, limits, bytes,
			      min(len, min(limits->max_head, limits->max_target)), fields,
			      min(room, limits->max_fields));
	if (taken == 0) {
		h1_guard_init(&r->guard, H1_GUARD_START);
		return read_carefully(r, bytes, len, arena, ret_head, reterr_fault);
	}
	ret_head->fields = fields;
	ret_head->n_fields = r->guard.facts.n_fields;
	arena_take_until(arena, fields + ret_head->n_fields);
	return finish_head(r, bytes, 0, taken, ret_head, reterr_fault);
}

APART int h1_read_foresee(const struct h1_read *r, const char *bytes, size_t len,
			  enum fault *reterr_fault)
{
	struct h1_chunk chunk = r->chunk;
	struct h1_guard trailer;
	size_t used = 0;
	weir_str piece;
	int ret = 1;

	assert(r->state == READ_CHUNKS);
	for (; ret == 1 && len > 0; bytes += used, len -= used)
		ret = h1_chunk_next(&chunk, INT64_MAX, bytes, len, &used, &piece, reterr_fault);
	if (ret == H1_CHUNK_LAST) {
		h1_guard_init(&trailer, H1_GUARD_TRAILER);
		ret = h1_guard_scan(&trailer, r->limits, bytes, len, r->fields_at, reterr_fault);
	}
	return ret < 0 ? ret : 0;
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

static APART int read_length(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
			     weir_str *ret_piece, enum fault *reterr_fault)
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

/* The fields of a section that is whole, and in memory of our own. */
static int fill_trailers(struct h1_read *r, struct h1_trailers *t, size_t n_fields)
{
	int ret;

	if (n_fields == 0)
		return 0;
	ret = h1_trailer_make_room(t, n_fields);
	if (ret < 0)
		return ret;
	find_again(r, t->bytes.data, H1_GUARD_TRAILER);
	fill_fields(t->bytes.data, r->fields_at, n_fields, t->fields);
	t->n_fields = n_fields;
	return 0;
}

/* bytes: all of the section, which is in r->trailers, or nothing but an empty line. */
static int finish_trailer(struct h1_read *r, const char *bytes, size_t len,
			  enum fault *reterr_fault)
{
	struct h1_trailers *t = r->trailers;
	struct h1_second s = { .start = bytes };
	int ret;

	if (t) {
		ret = fill_trailers(r, t, r->guard.facts.n_fields);
		if (ret < 0)
			return ret;
		h1_second_expect(&s, t->fields, t->n_fields);
	}
	ret = h1_second_run(&r->parser, &s, len, reterr_fault);
	if (ret < 0)
		return ret;
	if (!h1_second_saw_all(&s) || !s.is_message_over || s.piece.len > 0)
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
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

static APART int read_trailer(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
			      enum fault *reterr_fault)
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
	ret = h1_guard_scan(&r->guard, r->limits, section->data, section->len, r->fields_at,
			    reterr_fault);
	if (ret <= 0)
		return ret;
	*ret_used = r->guard.pos - before;
	return finish_trailer(r, section->data, r->guard.pos, reterr_fault);
}

static APART int read_chunks(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
			     weir_str *ret_piece, enum fault *reterr_fault)
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
