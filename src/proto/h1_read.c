/*
 * h1_read.c - the guard reads first and alone decides; llhttp reads the same
 * bytes afterwards, takes the fields apart, and must come to the same end.
 * Where two parsers agree, a third one in front of us has little to smuggle.
 *
 * llhttp 8 has habits one must know. It stops for good after a message with
 * "Connection: close": so it is started anew for each head, and keep-alive is
 * decided here, at the head. It hands out trailers through the callbacks of
 * fields: so each run has its own place to put them. It pauses after a message
 * that asks for an upgrade: so it is told that there is none. CONNECT and PRI,
 * where it pauses too, never get past the guard.
 */
#include "proto/h1_read.h"

#include <assert.h>

#include "base/arena.h"
#include "proto/h1_trailer.h"

_Static_assert(sizeof(struct h1_read) <= 256, "one for every idle connection");

enum h1_read_state {
	READ_HEAD,    /* the head is not yet whole, or not yet taken apart */
	READ_LENGTH,  /* in a body with a length */
	READ_CHUNKS,  /* in a chunked body */
	READ_TRAILER, /* behind its last chunk */
	READ_DONE,    /* the message is over */
};

/* What llhttp says about one run over contiguous bytes. */
struct second {
	char *bytes;	     /* what is read; NULL: they are not ours to change */
	const char *start;   /* the same */
	weir_header *fields; /* room for max_fields */
	size_t n_fields, max_fields;
	weir_str target;
	weir_str piece; /* of the body */
	uint64_t length;
	bool is_chunked, is_head_over, is_message_over;
};

/* Field names are tokens, so ASCII: eight bytes at a time, the last ones perhaps twice. */
static uint64_t lower8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t from_a = x + ones * (0x80 - 'A'), past_z = x + ones * (0x7f - 'Z');

	return x | (from_a & ~past_z & ones * 0x80) >> 2;
}

static void lower8_at(char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	x = lower8(x);
	memcpy(p, &x, sizeof(x));
}

static void lower4_at(char *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	x = (uint32_t)lower8(x);
	memcpy(p, &x, sizeof(x));
}

static void lower_name(char *name, size_t len)
{
	size_t i = 0;

	for (; len - i >= 8; i += 8)
		lower8_at(name + i);
	if (i == len)
		return;
	if (len >= 8) {
		lower8_at(name + len - 8);
		return;
	}
	if (len >= 4) {
		lower4_at(name);
		lower4_at(name + len - 4);
		return;
	}
	for (; i < len; i++)
		name[i] |= (char)(name[i] >= 'A' && name[i] <= 'Z' ? 0x20 : 0);
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
	struct second *s = p->data;

	s->target = (weir_str){ at, len };
	return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t len)
{
	struct second *s = p->data;

	if (s->n_fields == s->max_fields)
		return -1;
	lower_name(s->bytes + (at - s->start), len);
	s->fields[s->n_fields++] = (weir_header){ { at, len }, { at + len, 0 } };
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
	struct second *s = p->data;
	weir_str *value;

	if (s->n_fields == 0)
		return -1;
	value = &s->fields[s->n_fields - 1].value;
	if (value->len > 0)
		return -1;
	/* llhttp leaves out the blanks in front, not those behind. */
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	*value = (weir_str){ at, len };
	return 0;
}

static int on_headers_complete(llhttp_t *p)
{
	struct second *s = p->data;

	s->is_head_over = true;
	s->is_chunked = p->flags & F_CHUNKED;
	s->length = p->content_length;
	p->upgrade = 0;
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
	struct second *s = p->data;

	if (s->piece.len > 0)
		return -1;
	s->piece = (weir_str){ at, len };
	return 0;
}

static int on_message_complete(llhttp_t *p)
{
	struct second *s = p->data;

	s->is_message_over = true;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static int refuse(enum fault fault, enum fault *reterr_fault)
{
	*reterr_fault = fault;
	return -EPROTO;
}

/* What the guard let through and llhttp did not. */
static enum fault fault_of(llhttp_errno_t error)
{
	switch (error) {
	case HPE_INVALID_URL:
		return FAULT_H1_TARGET;
	case HPE_INVALID_METHOD:
		return FAULT_H1_METHOD;
	case HPE_INVALID_VERSION:
		return FAULT_H1_VERSION;
	case HPE_INVALID_HEADER_TOKEN:
		return FAULT_H1_FIELD_NAME;
	case HPE_INVALID_CONTENT_LENGTH:
		return FAULT_H1_CL_INVALID;
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		return FAULT_H1_TE_AND_CL;
	case HPE_INVALID_TRANSFER_ENCODING:
		return FAULT_H1_TE_INVALID;
	case HPE_INVALID_CHUNK_SIZE:
		return FAULT_H1_CHUNK_SIZE;
	default:
		return FAULT_H1_SYNTAX;
	}
}

static int run_second(struct h1_read *r, struct second *s, size_t len, enum fault *reterr_fault)
{
	llhttp_errno_t error;

	r->parser.data = s;
	error = llhttp_execute(&r->parser, s->start, len);
	r->parser.data = NULL;
	return error == HPE_OK ? 0 : refuse(fault_of(error), reterr_fault);
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

/* The guard's offsets count from where find began, in front of the empty line. */
static weir_str span_str(const struct h1_read *r, const char *bytes, size_t len,
			 struct h1_span span)
{
	return (weir_str){ bytes + span.at - (r->guard.pos - len), span.len };
}

static bool keeps_alive(const struct h1_facts *f)
{
	if (f->seen & H1_FACT_CLOSE)
		return false;
	return f->version >= 11 || (f->seen & H1_FACT_KEEP_ALIVE);
}

static void fill_head(const struct h1_read *r, const char *bytes, size_t len,
		      struct h1_head *ret_head)
{
	const struct h1_facts *f = &r->guard.facts;
	const unsigned upgrade = H1_FACT_UPGRADE | H1_FACT_UPGRADE_TOKEN;
	bool is_11 = f->version >= 11, is_chunked = f->seen & H1_FACT_CHUNKED;
	bool has_body = is_chunked || f->length > 0;

	/* One by one: clearing the whole first would cost more than all of them. */
	ret_head->method = (weir_str){ bytes, f->method_len };
	ret_head->method_id = (enum http_method)f->method;
	ret_head->target = span_str(r, bytes, len, f->target);
	ret_head->version = f->version;
	ret_head->content_length = f->seen & H1_FACT_LENGTH ? (int64_t)f->length : -1;
	ret_head->is_chunked = is_chunked;
	ret_head->has_body = has_body;
	ret_head->keep_alive = keeps_alive(f);
	/* HTTP/1.0 knows neither (RFC 9110, sections 7.8 and 10.1.1). */
	ret_head->expects_continue = is_11 && has_body && (f->seen & H1_FACT_EXPECT_CONTINUE);
	ret_head->has_bad_expect = is_11 && (f->seen & H1_FACT_EXPECT_OTHER);
	ret_head->wants_upgrade = is_11 && (f->seen & upgrade) == upgrade;
	ret_head->host = (weir_str){ NULL, 0 };
	if (f->authority.len > 0)
		ret_head->host = span_str(r, bytes, len, f->authority);
	else if (f->seen & H1_FACT_HOST)
		ret_head->host = span_str(r, bytes, len, f->host);
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

static bool agree_on_head(const struct second *s, const struct h1_facts *f, weir_str target)
{
	bool is_chunked = f->seen & H1_FACT_CHUNKED;
	bool has_body = is_chunked || f->length > 0;

	return s->is_head_over && s->is_message_over == !has_body && s->n_fields == f->n_fields &&
	       s->target.ptr == target.ptr && s->target.len == target.len &&
	       s->is_chunked == is_chunked && s->length == f->length;
}

int h1_read_head(struct h1_read *r, char *bytes, size_t len, struct arena *arena,
		 struct h1_head *ret_head, enum fault *reterr_fault)
{
	const struct h1_facts *f = &r->guard.facts;
	struct second s = { .bytes = bytes, .start = bytes, .max_fields = f->n_fields };
	int ret;

	assert(r->state == READ_HEAD && len <= r->guard.pos);
	if (f->n_fields > 0) {
		s.fields = arena_alloc(arena, f->n_fields * sizeof(*s.fields));
		if (!s.fields)
			return -ENOMEM;
	}

	llhttp_init(&r->parser, HTTP_REQUEST, &settings);
	ret = run_second(r, &s, len, reterr_fault);
	if (ret < 0)
		return ret;

	if (!agree_on_head(&s, f, span_str(r, bytes, len, f->target)))
		return refuse(FAULT_H1_SYNTAX, reterr_fault);

	fill_head(r, bytes, len, ret_head);
	ret_head->fields = s.fields;
	ret_head->n_fields = s.n_fields;
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
	struct second s = { .start = bytes };
	int ret;

	ret = run_second(r, &s, len, reterr_fault);
	if (ret < 0)
		return ret;
	if (s.piece.len != piece.len || (piece.len > 0 && s.piece.ptr != piece.ptr) ||
	    s.is_message_over != is_last)
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
	return 0;
}

static int read_length(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
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

/* The whole section is in memory of our own, or is the empty line and in the caller's. */
static int finish_trailer(struct h1_read *r, const char *bytes, size_t len,
			  enum fault *reterr_fault)
{
	struct h1_trailers *t = r->trailers;
	struct second s = { .start = bytes, .max_fields = r->guard.facts.n_fields };
	int ret;

	if (t && s.max_fields > 0) {
		ret = h1_trailer_make_room(t, s.max_fields);
		if (ret < 0)
			return ret;
		s.bytes = t->bytes.data;
		s.fields = t->fields;
	}
	ret = run_second(r, &s, len, reterr_fault);
	if (ret < 0)
		return ret;
	if (s.n_fields != s.max_fields || !s.is_message_over || s.piece.len > 0)
		return refuse(FAULT_H1_SYNTAX, reterr_fault);
	if (t)
		t->n_fields = s.n_fields;
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

static int read_trailer(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
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
	ret = h1_guard_scan(&r->guard, r->limits, section->data, section->len, reterr_fault);
	if (ret <= 0)
		return ret;
	*ret_used = r->guard.pos - before;
	return finish_trailer(r, section->data, r->guard.pos, reterr_fault);
}

static int read_chunks(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
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
	assert(r->state != READ_HEAD);
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
		*ret_used = 0;
		return H1_READ_END;
	}
}

const weir_header *h1_read_trailers(const struct h1_read *r, size_t *ret_n_fields)
{
	*ret_n_fields = r->state == READ_DONE && r->trailers ? r->trailers->n_fields : 0;
	return *ret_n_fields > 0 ? r->trailers->fields : NULL;
}
