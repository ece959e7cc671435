/*
 * gzip.c - see gzip.h. The head is held back until the first bytes come, if their number was
 * promised: an answer that is all here then is compressed at once, and keeps a length; of
 * others the length goes, and what was promised is checked here instead of below.
 *
 * zlib's streams are large, so there is a limit to how many compress at once, beyond which answers stay
 * as they are, and a few wait for the next.
 */
#include "app/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/asgi.h"
#include "app/req.h"
#include "app/req_io.h"
#include "base/str.h"
#include "coro/offload.h"
#include "coro/wait.h"
#include "proto/coding.h"
#include "proto/fields.h"
#include "proto/http.h"

#define ZLIB_CONST
#include <zlib.h>

/* 8 KiB of window and as much of hash: 100 KiB for each, and hardly worse than three times as much. */
#define WINDOW_BITS 13
#define MEMORY_LEVEL 7
#define WITH_GZIP_HEADER 16

#define MAX_LIVE 256
#define MAX_UNUSED 4
#define OUT_ROOM ((size_t)8192)
#define FILE_PIECE ((size_t)65536)

struct stream {
	struct stream *next;
	z_stream z;
	char out[OUT_ROOM];
};

struct gzip {
	weir_io io;
	struct gzip_rules rules;
	struct stream *unused; /* owned */
	unsigned n_unused, n_live;
};

enum gzip_phase {
	GZIP_WAITING, /* no head yet */
	GZIP_HOLDING, /* one that was sent here, but no further */
	GZIP_PASSING, /* the answer stays as it is */
	GZIP_CODING,  /* it does not */
};

/* Of one request, in its memory. */
struct gzip_state {
	struct gzip *gzip;
	struct stream *stream; /* owned, while it is coding */
	enum gzip_phase phase;
	weir_event start; /* the head, held back */
	int64_t promised; /* its content-length; -1 */
	uint64_t taken;	  /* bytes of the body so far */
	struct req_fields fields;
};

/* ---- streams */

static struct stream *stream_take(struct gzip *gzip)
{
	struct stream *s = gzip->unused;

	if (gzip->n_live == MAX_LIVE)
		return NULL;
	if (s) {
		gzip->unused = s->next;
		gzip->n_unused--;
		(void)deflateReset(&s->z); /* cannot fail: its state is right */
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		if (deflateInit2(&s->z, gzip->rules.level, Z_DEFLATED,
				 WINDOW_BITS + WITH_GZIP_HEADER, MEMORY_LEVEL,
				 Z_DEFAULT_STRATEGY) != Z_OK) {
			free(s);
			return NULL;
		}
	}
	gzip->n_live++;
	return s;
}

static void stream_free(struct stream *s)
{
	(void)deflateEnd(&s->z);
	free(s);
}

static void stream_give(struct gzip *gzip, struct stream *s)
{
	gzip->n_live--;
	if (gzip->n_unused == MAX_UNUSED) {
		stream_free(s);
		return;
	}
	s->next = gzip->unused;
	gzip->unused = s;
	gzip->n_unused++;
}

/* ---- what is worth it */

static weir_str find(const weir_event *start, weir_str name)
{
	for (size_t i = 0; i < start->n_headers; i++) {
		if (str_eq_nocase(start->headers[i].name, name))
			return start->headers[i].value;
	}
	return (weir_str){ NULL, 0 };
}

static bool has_token(weir_str list, weir_str token)
{
	weir_str element;

	while (list.ptr && fields_next_element(&list, &element)) {
		if (str_eq_nocase(element, token))
			return true;
	}
	return false;
}

static bool is_listed(const struct gzip_rules *rules, weir_str type)
{
	weir_str rest = type, essence;

	if (!type.ptr)
		return false;
	essence = str_trim(str_split(&rest, ';'));
	/* Heartbeats of a stream of events do not pass here: see sse.c. */
	if (str_eq_nocase(essence, WEIR_STR("text/event-stream")))
		return false;
	for (size_t i = 0; i < rules->n_types; i++) {
		weir_str listed = rules->types[i];
		bool is_kind = listed.len > 0 && listed.ptr[listed.len - 1] == '/';
		bool is_cut = is_kind && essence.len > listed.len;

		if (str_eq_nocase((weir_str){ essence.ptr, is_cut ? listed.len : essence.len },
				  listed))
			return true;
	}
	return false;
}

/* RFC 9110, section 7.7: no-transform is an order. A part of something is of what it was. */
static bool is_worth_it(const struct gzip_rules *rules, const weir_event *start, int64_t promised)
{
	return http_status_has_body(start->status) && start->status != 206 && promised != 0 &&
	       (promised < 0 || (uint64_t)promised >= rules->min) &&
	       is_listed(rules, find(start, WEIR_STR("content-type"))) &&
	       !find(start, WEIR_STR("content-encoding")).ptr &&
	       !find(start, WEIR_STR("content-range")).ptr &&
	       !has_token(find(start, WEIR_STR("cache-control")), WEIR_STR("no-transform"));
}

/*
 * It cannot be coded, but all of it would have been for another client, or this one: so a cache
 * has to know (sections 15.3.7 and 15.4.5). Of what has not changed the type is not said.
 */
static bool is_of_coded(const struct gzip_rules *rules, const weir_event *start)
{
	weir_str type = find(start, WEIR_STR("content-type"));
	bool is_part = start->status == 206 || find(start, WEIR_STR("content-range")).ptr;

	if (start->status != 304 &&
	    !(is_part &&
	      (is_listed(rules, type) || str_starts(type, WEIR_STR("multipart/byteranges")))))
		return false;
	return !find(start, WEIR_STR("content-encoding")).ptr &&
	       !has_token(find(start, WEIR_STR("cache-control")), WEIR_STR("no-transform"));
}

/* The client has the coded one, whose tag is weak, and asks whether that has changed. */
static bool has_weak(const struct req *req, weir_str etag)
{
	weir_str asked = fields_get(req->scope.headers, req->scope.n_headers,
				    WEIR_STR("if-none-match"));
	const char *found = asked.len > 0 ? memmem(asked.ptr, asked.len, etag.ptr, etag.len) : NULL;

	return found && found - asked.ptr >= 2 && !memcmp(found - 2, "W/", 2);
}

static bool is_wanted(const struct req *req)
{
	unsigned weights[CODING_COUNT];

	coding_weigh(req->scope.headers, req->scope.n_headers, weights);
	return coding_choose(weights, 1u << CODING_GZIP) == CODING_GZIP;
}

/* ---- the head */

/* A tag: of other bytes with the same meaning (section 8.8.1). */
static bool is_to_be_weak(const struct req *req, const struct gzip_state *state,
			  const weir_header *field, bool is_coding)
{
	if (!str_eq_nocase(field->name, WEIR_STR("etag")) ||
	    !str_starts(field->value, WEIR_STR("\"")))
		return false;
	return state->start.status == 304 ? has_weak(req, field->value) : is_coding;
}

/* As the handler said it, and that it depends on what the client takes. */
static int copy_fields(struct req *req, struct gzip_state *state, bool is_coding)
{
	bool has_vary = false;

	for (size_t i = 0; i < state->start.n_headers; i++) {
		weir_str name = state->start.headers[i].name;
		weir_str value = state->start.headers[i].value;
		int r;

		if (str_eq_nocase(name, WEIR_STR("vary")))
			has_vary = has_vary || has_token(value, WEIR_STR("*")) ||
				   has_token(value, WEIR_STR("accept-encoding"));
		if (is_coding && (str_eq_nocase(name, WEIR_STR("content-length")) ||
				  str_eq_nocase(name, WEIR_STR("accept-ranges"))))
			continue;
		if (is_to_be_weak(req, state, &state->start.headers[i], is_coding)) {
			value = weir_printf(&req->pub, "W/%.*s", WEIR_ARG(value));
			if (!value.ptr)
				return -ENOMEM;
		}
		r = req_fields_add(req, &state->fields, name, value);
		if (r < 0)
			return r;
	}
	if (has_vary)
		return 0;
	return req_fields_add(req, &state->fields, WEIR_STR("vary"), WEIR_STR("accept-encoding"));
}

static int send_start(struct req *req, struct gzip_state *state)
{
	const weir_io *next = state->gzip->io.next;

	state->start.headers = state->fields.items;
	state->start.n_headers = state->fields.n;
	return next->send(next, &req->pub, &state->start);
}

/* The answer stays as it is; it could have been another, for another client. */
static int pass(struct req *req, struct gzip_state *state)
{
	int r;

	state->phase = GZIP_PASSING;
	r = copy_fields(req, state, false);
	return r < 0 ? r : send_start(req, state);
}

static int begin_coding(struct req *req, struct gzip_state *state, int64_t length)
{
	int r;

	state->phase = GZIP_CODING;
	r = copy_fields(req, state, true);
	if (r >= 0)
		r = req_fields_add(req, &state->fields, WEIR_STR("content-encoding"),
				   coding_name(CODING_GZIP));
	if (r >= 0 && length >= 0) {
		weir_str digits = weir_printf(&req->pub, "%lld", (long long)length);

		r = digits.ptr ? req_fields_add(req, &state->fields, WEIR_STR("content-length"),
						digits)
			       : -ENOMEM;
	}
	return r < 0 ? r : send_start(req, state);
}

static int on_start(struct gzip *gzip, struct req *req, const weir_event *ev)
{
	struct gzip_state *state = arena_alloc(req->arena, sizeof(*state));
	weir_str length = find(ev, WEIR_STR("content-length"));
	uint64_t promised;

	if (!state)
		return -ENOMEM;
	*state = (struct gzip_state){ .gzip = gzip, .start = *ev, .promised = -1 };
	req->gzip = state;
	if (length.ptr && str_to_u64(length, &promised) >= 0 && promised <= INT64_MAX)
		state->promised = (int64_t)promised;
	if (is_of_coded(&gzip->rules, ev))
		return pass(req, state);
	if (!is_worth_it(&gzip->rules, ev, state->promised)) {
		state->phase = GZIP_PASSING;
		return gzip->io.next->send(gzip->io.next, &req->pub, ev);
	}
	if (!is_wanted(req))
		return pass(req, state);
	if (req->ex->head.method_id == HTTP_METHOD_HEAD)
		return begin_coding(req, state, -1);
	state->stream = stream_take(gzip);
	if (!state->stream)
		return pass(req, state);
	if (state->promised < 0)
		return begin_coding(req, state, -1);
	state->phase = GZIP_HOLDING;
	/* The handler's memory is its own again. */
	state->start.headers = arena_alloc(req->arena, ev->n_headers * sizeof(*ev->headers));
	if (!state->start.headers)
		return -ENOMEM;
	for (size_t i = 0; i < ev->n_headers; i++) {
		weir_header *field = (weir_header *)(uintptr_t)&state->start.headers[i];

		*field = (weir_header){ arena_copy(req->arena, ev->headers[i].name),
					arena_copy(req->arena, ev->headers[i].value) };
		if (!field->name.ptr || !field->value.ptr)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the body */

static int send_bytes(struct req *req, const struct gzip_state *state, weir_str bytes, bool more)
{
	const weir_io *next = state->gzip->io.next;
	weir_event ev = { .type = WEIR_HTTP_BODY, .body = bytes, .more = more };

	return next->send(next, &req->pub, &ev);
}

/* All that zlib gives for them; the last piece of all is sent as such. */
static int send_coded(struct req *req, const struct gzip_state *state, weir_str bytes, int flush)
{
	struct stream *s = state->stream;
	int r = 0;

	s->z.next_in = (const Bytef *)bytes.ptr;
	s->z.avail_in = (uInt)bytes.len;
	do {
		size_t n;

		s->z.next_out = (Bytef *)s->out;
		s->z.avail_out = OUT_ROOM;
		(void)deflate(&s->z, flush); /* that there is nothing to do is no error */
		n = OUT_ROOM - s->z.avail_out;
		if (n > 0)
			r = send_bytes(req, state, (weir_str){ s->out, n }, true);
	} while (r >= 0 && s->z.avail_out == 0);
	return r;
}

/* A millisecond's work: then others have their turn. */
#define SLICE ((size_t)32 * 1024)

static int on_coding(struct req *req, struct gzip_state *state, const weir_event *ev)
{
	int flush = state->promised < 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH;
	weir_str rest = ev->body;
	int r = 0;

	state->taken += rest.len;
	if (state->promised >= 0 && state->taken > (uint64_t)state->promised)
		return -EMSGSIZE;
	if (!state->stream)
		return send_bytes(req, state, rest, ev->more); /* a HEAD: nothing is sent anyway */
	while (r >= 0 && rest.len > 0) {
		weir_str slice = { rest.ptr, rest.len < SLICE ? rest.len : SLICE };

		rest = (weir_str){ rest.ptr + slice.len, rest.len - slice.len };
		r = send_coded(req, state, slice, rest.len > 0 ? Z_NO_FLUSH : flush);
		if (r >= 0 && rest.len > 0)
			r = wait_yield();
	}
	if (r < 0 || ev->more)
		return r;
	/* Without its end the client sees that it was cut. */
	if (state->promised >= 0 && state->taken != (uint64_t)state->promised)
		return -EPROTO;
	r = send_coded(req, state, (weir_str){ NULL, 0 }, Z_FINISH);
	return r < 0 ? r : send_bytes(req, state, (weir_str){ NULL, 0 }, false);
}

/* What is larger goes as it comes, without a length: there is no second copy of it. */
#define WHOLE_MAX ((size_t)4 << 20)

/* All of it into *room bytes; 1, and *room is how many it takes, 0 if these are too few. Suspends. */
static int code_whole(struct stream *s, weir_str body, char *out, size_t *room)
{
	int z = Z_OK, r;

	s->z.next_in = (const Bytef *)body.ptr;
	s->z.next_out = (Bytef *)out;
	s->z.avail_out = (uInt)*room;
	for (size_t done = 0; done < body.len && s->z.avail_out > 0; done += SLICE) {
		bool is_last = body.len - done <= SLICE;

		if (done > 0) {
			r = wait_yield();
			if (r < 0)
				return r;
		}
		s->z.avail_in = (uInt)(is_last ? body.len - done : SLICE);
		z = deflate(&s->z, is_last ? Z_FINISH : Z_NO_FLUSH);
	}
	*room -= s->z.avail_out;
	return z == Z_STREAM_END;
}

/* The whole body at once: its compressed length is known before the head goes. */
static int send_whole(struct req *req, struct gzip_state *state, weir_str body)
{
	size_t room = body.len - body.len / 8; /* less is not worth it */
	char *out = malloc(room);
	int r;

	if (!out)
		return -ENOMEM;
	r = code_whole(state->stream, body, out, &room);
	if (r > 0) {
		r = begin_coding(req, state, (int64_t)room);
		if (r >= 0)
			r = send_bytes(req, state, (weir_str){ out, room }, false);
	} else if (r == 0) {
		r = pass(req, state);
		if (r >= 0)
			r = send_bytes(req, state, body, false);
	}
	free(out);
	return r;
}

static int on_body(struct req *req, struct gzip_state *state, const weir_event *ev)
{
	bool is_whole = !ev->more && ev->body.len > 0 && ev->body.len <= WHOLE_MAX;
	int r;

	if (state->phase == GZIP_HOLDING && is_whole && ev->body.len == (uint64_t)state->promised)
		return send_whole(req, state, ev->body);
	if (state->phase == GZIP_HOLDING) {
		r = begin_coding(req, state, -1);
		if (r < 0)
			return r;
	}
	if (state->phase == GZIP_CODING)
		return on_coding(req, state, ev);
	return send_bytes(req, state, ev->body, ev->more);
}

static int on_send(const weir_io *io, weir_req *pub, const weir_event *ev)
{
	struct gzip *gzip = container_of(io, struct gzip, io);
	struct req *req = req_of(pub);

	if (ev->type == WEIR_HTTP_START && !req->gzip && req->ex)
		return on_start(gzip, req, ev);
	if (ev->type == WEIR_HTTP_BODY && req->gzip)
		return on_body(req, req->gzip, ev);
	return io->next->send(io->next, pub, ev); /* who is out of order hears it there */
}

static int on_receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return io->next->receive(io->next, req, ret_ev);
}

/* ---- files */

struct read_call {
	int fd;
	uint64_t offset;
	size_t len;
	char *bytes;
};

static int read_on_thread(void *arg)
{
	struct read_call *call = arg;
	size_t done = 0;

	while (done < call->len) {
		ssize_t n = pread(call->fd, call->bytes + done, call->len - done,
				  (off_t)(call->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int send_read(struct req *req, int fd, uint64_t offset, uint64_t len)
{
	struct read_call call = { .fd = fd, .bytes = malloc(FILE_PIECE) };
	int r = call.bytes ? 0 : -ENOMEM;

	while (len > 0 && r >= 0) {
		call.offset = offset;
		call.len = len < FILE_PIECE ? (size_t)len : FILE_PIECE;
		r = offload(read_on_thread, &call);
		if (r >= 0)
			r = weir_write(&req->pub, (weir_str){ call.bytes, call.len });
		offset += call.len;
		len -= call.len;
	}
	free(call.bytes);
	return r;
}

int gzip_sendfile(struct req *req, int fd, uint64_t offset, uint64_t len)
{
	if (req->pub.io->send != on_send)
		return -EOPNOTSUPP;
	if (req->gzip && req->gzip->phase == GZIP_PASSING)
		return req_io_file(req, fd, offset, len);
	if (req->gzip && req->ex->is_bodiless)
		return 0; /* nobody would see it */
	return send_read(req, fd, offset, len);
}

/* ---- */

int gzip_new(const struct gzip_rules *rules, struct gzip **ret_gzip)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (!gzip)
		return -ENOMEM;
	gzip->rules = *rules;
	gzip->io = (weir_io){ on_receive, on_send, &asgi_io };
	*ret_gzip = gzip;
	return 0;
}

struct gzip *gzip_free(struct gzip *gzip)
{
	if (!gzip)
		return NULL;
	while (gzip->unused) {
		struct stream *s = gzip->unused;

		gzip->unused = s->next;
		stream_free(s);
	}
	free(gzip);
	return NULL;
}

weir_io *gzip_layer(struct gzip *gzip)
{
	return &gzip->io;
}

void gzip_end(struct req *req)
{
	struct gzip_state *state = req->gzip;

	if (!state || !state->stream)
		return;
	stream_give(state->gzip, state->stream);
	state->stream = NULL;
}
