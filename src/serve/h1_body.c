/*
 * h1_body.c - a request's body is read when somebody asks for it: so a slow
 * handler slows its client down, and a body nobody wants is not even parsed,
 * but for the chunks that came with their head (h1_steps.c looks at these).
 * What the handler left of it is thrown away, if that is cheaper than a new
 * connection, so that the next request can be found.
 */
#include "serve/h1_body.h"

#include <errno.h>

#include "serve/h1_answer.h"
#include "serve/h1_time.h"
#include "serve/server.h"

/* More than that is not read for nobody. */
#define DISCARD_MAX ((uint64_t)64 * 1024)

/* As h1_read_body(), on c->in. */
static int read_on(struct h1_conn *c, weir_str *ret_piece, enum fault *reterr_fault)
{
	size_t used = 0;
	int r;

	r = h1_read_body(&c->read, c->in ? c->in->data + c->in->start : NULL,
			 c->in ? block_len(c->in) : 0, &used, ret_piece, reterr_fault);
	if (c->in)
		c->in->start += used;
	return r;
}

/* There is no next piece, now or ever. */
static int fail(struct h1_conn *c, int error, enum fault fault)
{
	if (error == -EPROTO)
		error = fault == FAULT_BODY_TOO_LARGE ? -EMSGSIZE : -EBADMSG;
	if (error != -ENOMEM)
		c->ex->fault = fault;
	c->body_error = error;
	c->keeps_alive = false;
	return error;
}

static int wait_for_more(struct h1_conn *c)
{
	int r;

	r = h1_answer_continue(c);
	if (r < 0)
		return r;
	if (!h1_time_await_body(c))
		return fail(c, -EBADMSG, FAULT_BODY_TOO_SLOW);
	c->wants_body = true;
	h1_conn_resume(c);
	return -EAGAIN;
}

/* A copy of text that lives as long as the request. An empty one is there, too. */
static int keep(struct exchange *ex, weir_str *text)
{
	if (text->len > 0)
		*text = arena_copy(&ex->arena, *text);
	else
		*text = WEIR_STR("");
	return text->ptr ? 0 : -ENOMEM;
}

/* The reader forgets them with the message, and the client may go before the handler does. */
static COLD int keep_trailers(struct exchange *ex, const weir_header *fields, size_t n_fields)
{
	weir_header *copies = arena_alloc(&ex->arena, n_fields * sizeof(*copies));

	if (!copies)
		return -ENOMEM;
	for (size_t i = 0; i < n_fields; i++) {
		copies[i] = fields[i];
		if (keep(ex, &copies[i].name) < 0 || keep(ex, &copies[i].value) < 0)
			return -ENOMEM;
	}
	ex->trailers = copies;
	ex->n_trailers = n_fields;
	return 0;
}

/* All of the body was read. */
static int end_body(struct h1_conn *c)
{
	const weir_header *trailers;
	size_t n_trailers;
	int r;

	trailers = h1_read_trailers(&c->read, &n_trailers);
	if (n_trailers > 0) {
		r = keep_trailers(c->ex, trailers, n_trailers);
		if (r < 0)
			return fail(c, r, FAULT_NONE);
	}
	timeouts_stop(&c->waiting);
	c->body_waited_ms = 0; /* for the next one: there is no other end of a body that is read */
	h1_conn_set_state(c, H1_ANSWER);
	return 0;
}

int h1_body_next(struct exchange *ex, weir_str *ret_piece)
{
	struct h1_conn *c = ex->conn;
	enum fault fault = FAULT_NONE;
	int r;

	c->has_piece_out = false;
	if (c->state == H1_ANSWER)
		return 0;
	if (c->body_error < 0)
		return c->body_error;

	h1_read_limit_body(&c->read, ex->max_body);
	r = read_on(c, ret_piece, &fault);
	if (r < 0)
		return fail(c, r, fault);
	if (r == 1) {
		c->body_len += ret_piece->len;
		c->has_piece_out = true;
		return 1;
	}
	if (r == 0 && c->has_ended)
		return fail(c, -EPROTO, FAULT_BODY_CUT);
	if (r == 0)
		return wait_for_more(c);
	return end_body(c);
}

bool h1_body_is_held_back(const struct h1_conn *c)
{
	return c->ex->head.expects_continue && !c->has_continued && c->body_len == 0 &&
	       !(c->in && block_len(c->in) > 0);
}

bool h1_body_can_discard(const struct h1_conn *c)
{
	int64_t length = c->ex->head.content_length;

	/* It may or may not send the body it asked about: nobody could tell what comes next. */
	if (c->body_error < 0 || h1_body_is_held_back(c))
		return false;
	return length < 0 || (uint64_t)length - c->body_len <= DISCARD_MAX;
}

int h1_body_discard(struct h1_conn *c, enum fault *reterr_fault)
{
	weir_str piece;
	int r;

	while ((r = read_on(c, &piece, reterr_fault)) == 1) {
		c->body_len += piece.len;
		if (c->body_len > DISCARD_MAX)
			return -EMSGSIZE;
	}
	if (r == 0 && c->has_ended)
		return -EPIPE;
	return r < 0 ? r : r == H1_READ_END;
}
