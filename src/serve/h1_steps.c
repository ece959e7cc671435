/*
 * h1_steps.c - heads become exchanges, one after the other. A step uses bytes
 * that are here or does nothing; it never reads and never sends.
 *
 * The hard thing is the end of an exchange, which may come from within start(),
 * from a task much later, or long after the client has gone: each must leave a
 * connection that is in step with its peer, or one that ends.
 */
#include "serve/h1_steps.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "io/tls_info.h"
#include "serve/errpage.h"
#include "serve/exchange_log.h"
#include "serve/h1_answer.h"
#include "serve/h1_body.h"
#include "serve/h1_time.h"
#include "serve/server.h"
#include "serve/tally.h"
#include "serve/trust.h"

/* What is thrown away after our end, so that the peer sees the answer and not a reset. */
#define LINGER_MAX ((uint64_t)1024 * 1024)

static bool has_bytes(const struct h1_conn *c)
{
	return c->in && block_len(c->in) > 0;
}

/* Does the request that is not taken yet say HEAD, whatever else is wrong with it? */
static COLD bool says_head(const struct h1_conn *c)
{
	const char *bytes = c->in ? c->in->data + c->in->start : NULL;
	size_t len = c->in ? block_len(c->in) : 0, skip = len > 0 ? h1_guard_skipped(bytes) : 0;

	return len >= skip + 5 && memcmp(bytes + skip, "HEAD ", 5) == 0;
}

/* Since the first byte of half a head: that is when its time-out was set. */
static uint64_t time_of_head(const struct h1_conn *c)
{
	const struct timeouts *heads = &c->server->heads;

	if (c->state != H1_HEAD || heads->after_ms == 0)
		return 0;
	return (uint64_t)(loop_now_ms(heads->loop) - c->waiting.at_ms + heads->after_ms) * 1000;
}

/* head: NULL if it could not be read. */
static void log_refusal(const struct h1_conn *c, const struct h1_head *head, enum fault fault)
{
	char page[ERRPAGE_MAX];
	int status = fault_status(fault);
	struct exchange_log_refusal refusal = {
		.client = { c->names, c->client_len },
		.scheme = c->stream.tls ? WEIR_STR("https") : WEIR_STR("http"),
		.head = head,
		.status = status,
		.sent = says_head(c) ? 0 : errpage_body(page, status, fault_words(fault)),
		.duration_us = time_of_head(c)
	};

	if (!head && has_bytes(c))
		refusal.bytes = (weir_str){ c->in->data + c->in->start, block_len(c->in) };
	exchange_log_refuse(c->server->access_log, &refusal);
}

static COLD void refuse(struct h1_conn *c, const struct h1_head *head, enum fault fault)
{
	struct server *server = c->server;

	log_refusal(c, head, fault);
	server->n_refused++;
	if (server->tally)
		tally_count_refused(server->tally, fault_status(fault));
	log_write(server->log, LOG_AT_INFO, "%.*s: refused with %d %s: %s", (int)c->client_len,
		  c->names, fault_status(fault), fault_name(fault), fault_words(fault));
	c->must_linger = true;
	h1_conn_end(c);
	h1_answer_refuse(c, fault, says_head(c));
}

COLD void h1_steps_refuse(struct h1_conn *c, enum fault fault)
{
	refuse(c, NULL, fault);
}

/* ---- from a head to an exchange */

/* What stays when the exchange comes back from the pool, and is not another kind of connection's then. */
static COLD void make_ours(struct exchange *ex, const struct h1_conn *c)
{
	ex->up = c->is_trusted ? &c->server->trust->up : c->server->up;
	ex->up_arg = c->server->up_arg;
	ex->finish = h1_steps_finish;
	ex->maker = c->maker;
	ex->is_trusted = c->is_trusted;
	ex->tls = c->tls ? &c->tls->pub : NULL;
	ex->scheme = c->tls ? WEIR_STR("https") : WEIR_STR("http");
}

static void start_exchange(struct h1_conn *c, struct exchange *ex)
{
	struct server *server = c->server;

	if (ex->maker != c->maker)
		make_ours(ex, c);
	ex->down = &h1_answer_down;
	ex->conn = c;
	ex->pinned = c->in;
	ex->client = (weir_str){ c->names, c->client_len };
	ex->server = (weir_str){ c->names + c->client_len, c->local_len };
	ex->started_ms = loop_now_ms(server->loop);
	ex->started = ticks_now(&server->ticks);
	ex->tally = server->tally;
	ex->log_rule = NULL;
	if (server->has_phases)
		ex->came = loop_woken_ticks(server->loop);

	c->ex = ex;
	c->keeps_alive = ex->head.keep_alive;
	c->is_chunked = false;
	c->is_until_close = false;
	c->owes_crlf = false;
	c->has_continued = false;
	c->has_piece_out = false;
	c->wants_body = false;
	c->wants_room = false;
	c->body_len = 0;
	c->pace = &server->pace;
	c->body_error = 0;
	server->n_requests++;
	h1_conn_set_state(c, ex->head.has_body ? H1_BODY : H1_ANSWER);
	ex->up->start(ex);
}

/* No exchange comes of it: the head, which could be read or not, is refused for ex->fault. */
static COLD void refuse_head(struct h1_conn *c, struct exchange *ex, bool is_read)
{
	enum fault fault = ex->fault != FAULT_NONE ? ex->fault : FAULT_OVERLOADED; /* -ENOMEM */

	refuse(c, is_read ? &ex->head : NULL, fault);
	exchange_release(&c->server->exchanges, ex);
}

/* A whole head was read; behind[0..n_behind) follows. 0, or it is refused. */
static inline int judge_head(const struct h1_conn *c, struct exchange *ex, const char *behind,
			     size_t n_behind)
{
	int r;

	if (ex->head.path_len > 0) {
		uri_take_path(ex->head.target, ex->head.path_len, &ex->uri);
	} else {
		r = uri_parse(&ex->arena, ex->head.target, &ex->uri, &ex->fault);
		if (r < 0)
			return r;
		if (ex->head.method_id == HTTP_METHOD_OPTIONS)
			uri_take_options(ex->head.target, &ex->uri);
	}
	/* A handler that does not read its body, or echoes it, would answer 200 to nonsense. */
	if (ex->head.is_chunked) {
		r = h1_read_foresee(&c->read, behind, n_behind, &ex->fault);
		if (r < 0)
			return r;
	}
	if (!ex->head.has_bad_expect)
		return 0;
	ex->fault = FAULT_EXPECTATION;
	return -EPROTO;
}

/* The next head becomes an exchange, or is refused; false: it is not all here. */
static bool take_head(struct h1_conn *c)
{
	struct server *server = c->server;
	struct exchange *ex = NULL;
	struct block *in = c->in;
	char *bytes = in->data + in->start;
	size_t len = block_len(in);
	ssize_t n;

	if (!server->relief.is_short || !relief_is_needed(&server->relief))
		ex = exchange_new(&server->exchanges);
	if (!ex) {
		h1_steps_refuse(c, FAULT_OVERLOADED);
		return true;
	}
	n = h1_read_head(&c->read, bytes, len, &ex->arena, &ex->head, &ex->fault);
	if (n == 0) {
		exchange_release(&server->exchanges, ex);
		return false;
	}
	if (n < 0 || judge_head(c, ex, bytes + n, len - (size_t)n) < 0) {
		refuse_head(c, ex, n > 0);
		return true;
	}
	in->start += (size_t)n;
	start_exchange(c, ex);
	return true;
}

/* Part of a head is here. */
static bool await_head(struct h1_conn *c)
{
	if (c->has_ended) {
		h1_conn_end(c);
		return true;
	}
	if (c->state == H1_IDLE) {
		h1_conn_set_state(c, H1_HEAD);
		timeouts_touch(&c->server->heads, &c->waiting);
	}
	return false;
}

/* One head after the other, as long as they are answered at once. */
static bool step_head(struct h1_conn *c)
{
	const struct server *server = c->server;

	while (has_bytes(c)) {
		if (c->stream.out.queued > server->limits.high_water)
			return false; /* pipelines, and does not read the answers */
		if (!take_head(c))
			return await_head(c);
		if (c->state != H1_IDLE)
			return true;
	}
	if (!c->has_ended && !server->closes_idle)
		return false;
	h1_conn_end(c);
	return true;
}

/* ---- in an exchange, and behind it */

static APART bool step_body(struct h1_conn *c)
{
	if (!c->wants_body || !(c->has_ended || has_bytes(c)))
		return false;
	c->wants_body = false;
	h1_time_body_came(c);
	c->ex->up->readable(c->ex);
	return true;
}

/* A complete request was answered: the next one. */
static inline void begin_next(struct h1_conn *c)
{
	h1_read_next(&c->read);
	h1_conn_set_state(c, H1_IDLE);
	timeouts_touch(&c->server->keep_alives, &c->waiting);
}

static APART bool step_discard(struct h1_conn *c)
{
	enum fault fault = FAULT_NONE;
	int r;

	r = h1_body_discard(c, &fault);
	if (r == 0)
		return false;
	if (r > 0) {
		begin_next(c);
		return true;
	}
	/* Its answer is out: all that is left is to say why nothing follows. */
	if (r == -EPROTO)
		log_write(c->server->log, LOG_AT_INFO, "%.*s: closed behind its answer: %s: %s",
			  (int)c->client_len, c->names, fault_name(fault), fault_words(fault));
	c->must_linger = true;
	h1_conn_end(c);
	return true;
}

static APART bool step_end(struct h1_conn *c)
{
	if (c->in) {
		c->body_len += block_len(c->in);
		c->in->start = c->in->end;
	}
	if (c->state == H1_LINGER && (c->has_ended || c->body_len > LINGER_MAX))
		h1_conn_close(c);
	return false;
}

bool h1_steps_take(struct h1_conn *c)
{
	switch ((enum h1_state)c->state) {
	case H1_IDLE:
	case H1_HEAD:
		return step_head(c);
	case H1_BODY:
		return step_body(c);
	case H1_DISCARD:
		return step_discard(c);
	case H1_FLUSHING:
	case H1_LINGER:
		return step_end(c);
	case H1_ANSWER:
	case H1_CLOSED:
		break;
	}
	return false;
}

/* ---- the end of an exchange */

/* Who leaves before there is a status is told apart, as in the access log. */
static inline void count(const struct h1_conn *c, struct exchange *ex)
{
	struct tally_entry entry = { .status = ex->status ? ex->status : EXCHANGE_STATUS_LEFT,
				     .started = ex->started,
				     .sent = ex->is_bodiless ? 0 : ex->sent,
				     .received = c->body_len };

	ex->received = c->body_len;
	if (ex->tally)
		tally_count(ex->tally, &entry);
}

static inline void write_line(const struct server *server, const struct exchange *ex)
{
	uint64_t us = (uint64_t)(loop_now_ms(server->loop) - ex->started_ms) * 1000;

	if (server->ticks.source != TICKS_NONE)
		us = ticks_us(&server->ticks, ex->started, ticks_now(&server->ticks));
	exchange_log_write(server->access_log, ex, us);
}

/* Its line in the log, and its memory; block: what the connection itself still uses. */
static inline void release(struct server *server, struct exchange *ex, const struct block *in_use)
{
	if (ex->is_logged && server->access_log)
		write_line(server, ex);
	if (ex->pinned != in_use)
		(void)block_give(&server->blocks, ex->pinned);
	(void)block_give(&server->blocks, ex->held);
	ex->pinned = NULL;
	ex->held = NULL;
	ex->conn = NULL;
	exchange_release(&server->exchanges, ex);
}

/* The client had gone before; perhaps the connection was waiting only for this. */
static COLD void finish_orphan(struct h1_conn *c, struct exchange *ex)
{
	struct server *server = c->server;

	release(server, ex, NULL);
	c->has_orphan = false;
	if (c->state == H1_CLOSED)
		loop_defer(server->loop, &c->reap);
	server_exchange_gone(server);
}

/* The connection ends with this answer. */
static COLD void end_behind(struct h1_conn *c, const struct exchange *ex)
{
	/* A file still on its way is its opener's, who is gone. */
	c->is_cut = ex->phase != EXCHANGE_ENDED || c->stream.out.file_left > 0;
	c->must_linger = ex->head.keep_alive || c->state == H1_BODY || has_bytes(c);
	c->keeps_alive = false;
	outq_drop_file(&c->stream.out);
	h1_conn_end(c);
}

static void begin_discard(struct h1_conn *c)
{
	c->body_len = 0;
	c->body_waited_ms = 0;
	h1_conn_set_state(c, H1_DISCARD);
	timeouts_touch(&c->pace->bodies, &c->waiting);
}

/* May another request follow? */
static bool is_in_step(const struct h1_conn *c, const struct exchange *ex)
{
	return c->keeps_alive && ex->phase == EXCHANGE_ENDED && c->stream.out.file_left == 0 &&
	       (c->state != H1_BODY || h1_body_can_discard(c));
}

/* Nobody on the call stack does: the handler had to wait for something. */
static APART void go_on(struct h1_conn *c)
{
	h1_conn_pump(c);
}

void h1_steps_finish(struct exchange *ex)
{
	struct h1_conn *c = ex->conn;
	bool goes_on;

	count(c, ex);
	if (c->has_orphan) {
		finish_orphan(c, ex);
		return;
	}
	goes_on = is_in_step(c, ex);
	c->ex = NULL;
	c->has_piece_out = false;
	if (!goes_on)
		end_behind(c, ex);
	else if (c->state == H1_BODY)
		begin_discard(c);
	else
		begin_next(c);
	release(c->server, ex, c->in);
	if (!c->is_pumping)
		go_on(c);
}
