/* test_exchange.c - the contract between an application and whatever carries it. */
#include "serve/exchange.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "proto/http.h"

/* A connection that counts, and answers what the test wants. */
struct wire {
	struct exchange_pool pool;
	struct exchange *ex;
	unsigned n_head, n_interim, n_piece, n_file, n_end, n_next, n_abort, n_gone;
	int64_t length; /* that the head said */
	size_t n_body;	/* bytes that came with it */
	weir_str type;	/* its Content-Type */
	ssize_t result; /* of the next call; 0: success */
};

static const weir_str no_type = { NULL, 0 };

static struct wire *wire_of(const struct exchange *ex)
{
	return ex->conn;
}

static int on_interim(struct exchange *ex, int status, const weir_header *fields, size_t n_fields)
{
	wire_of(ex)->n_interim++;
	return (int)wire_of(ex)->result;
}

static int on_head(struct exchange *ex, int64_t content_length, const weir_header *fields,
		   size_t n_fields, weir_str body)
{
	struct wire *wire = wire_of(ex);

	wire->n_head++;
	wire->length = content_length;
	wire->n_body += body.len;
	wire->type = ex->type;
	return (int)wire->result;
}

static ssize_t on_piece(struct exchange *ex, weir_str bytes)
{
	wire_of(ex)->n_piece++;
	return wire_of(ex)->result ? wire_of(ex)->result : (ssize_t)bytes.len;
}

static int on_file(struct exchange *ex, int fd, uint64_t offset, uint64_t len)
{
	wire_of(ex)->n_file++;
	return (int)wire_of(ex)->result;
}

static int on_end(struct exchange *ex, const weir_header *trailers, size_t n_trailers)
{
	wire_of(ex)->n_end++;
	return (int)wire_of(ex)->result;
}

static int on_next(struct exchange *ex, weir_str *ret_piece)
{
	wire_of(ex)->n_next++;
	return (int)wire_of(ex)->result;
}

static void on_abort(struct exchange *ex)
{
	wire_of(ex)->n_abort++;
}

static const struct exchange_down down = {
	.interim = on_interim,
	.head = on_head,
	.piece = on_piece,
	.file = on_file,
	.end = on_end,
	.next = on_next,
	.abort = on_abort,
};

static void on_gone(struct exchange *ex)
{
	wire_of(ex)->n_gone++;
}

static const struct exchange_up up = { .gone = on_gone };

static void on_finish(struct exchange *ex)
{
	struct wire *wire = wire_of(ex);

	wire->ex = NULL;
	exchange_release(&wire->pool, ex);
}

static struct exchange *wire_open(struct wire *wire, enum http_method method)
{
	struct exchange *ex;

	*wire = (struct wire){ 0 };
	exchange_pool_init(&wire->pool, 10000);
	ex = exchange_new(&wire->pool);
	ex->head = (struct h1_head){ .method_id = method, .content_length = -1 };
	ex->down = &down;
	ex->up = &up;
	ex->finish = on_finish;
	ex->conn = wire;
	wire->ex = ex;
	return ex;
}

static void wire_close(struct wire *wire)
{
	if (wire->ex)
		exchange_finish(wire->ex);
	cr_assert_eq(wire->pool.n_live, 0);
	exchange_pool_done(&wire->pool);
}

Test(exchange, goes_head_piece_end)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(ex->phase, EXCHANGE_WAITING);
	cr_assert_eq(exchange_head(ex, 200, 5, NULL, 0), 0);
	cr_assert_eq(ex->phase, EXCHANGE_STARTED);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("hello")), 5);
	cr_assert_eq(exchange_end(ex, NULL, 0), 0);
	cr_assert_eq(ex->phase, EXCHANGE_ENDED);
	cr_assert_eq(ex->status, 200);
	cr_assert_eq(ex->sent, 5);
	wire_close(&wire);
}

Test(exchange, refuses_any_other_order)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_piece(ex, WEIR_STR("x")), -EPROTO);
	cr_assert_eq(exchange_file(ex, 0, 0, 1), -EPROTO);
	cr_assert_eq(exchange_end(ex, NULL, 0), -EPROTO);
	cr_assert_eq(exchange_head(ex, 200, -1, NULL, 0), 0);
	cr_assert_eq(exchange_head(ex, 200, -1, NULL, 0), -EPROTO);
	cr_assert_eq(exchange_interim(ex, 103, NULL, 0), -EPROTO);
	cr_assert_eq(exchange_end(ex, NULL, 0), 0);
	cr_assert_eq(exchange_end(ex, NULL, 0), -EPROTO);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("x")), -EPROTO);
	cr_assert_eq(exchange_head(ex, 200, -1, NULL, 0), -EPROTO);
	cr_assert_eq(wire.n_head + wire.n_piece + wire.n_file + wire.n_interim, 1);
	cr_assert_eq(wire.n_abort, 0);
	wire_close(&wire);
}

Test(exchange, sends_no_more_than_was_promised)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_head(ex, 200, 5, NULL, 0), 0);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("hel")), 3);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("lo!")), -EMSGSIZE);
	cr_assert_eq(exchange_file(ex, 0, 0, 3), -EMSGSIZE);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("lo")), 2);
	cr_assert_eq(exchange_end(ex, NULL, 0), 0);
	wire_close(&wire);
}

Test(exchange, is_cut_when_it_sent_less)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_head(ex, 200, 5, NULL, 0), 0);
	cr_assert_eq(exchange_end(ex, NULL, 0), -EPROTO);
	cr_assert_eq(ex->phase, EXCHANGE_ABORTED);
	cr_assert_eq(wire.n_abort, 1);
	cr_assert_eq(wire.n_end, 0);
	wire_close(&wire);
}

Test(exchange, counts_only_what_was_taken)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_head(ex, 200, 5, NULL, 0), 0);
	wire.result = 2;
	cr_assert_eq(exchange_piece(ex, WEIR_STR("hello")), 2);
	cr_assert_eq(ex->sent, 2);
	wire.result = -EAGAIN;
	cr_assert_eq(exchange_file(ex, 0, 0, 3), -EAGAIN);
	cr_assert_eq(ex->sent, 2);
	wire.result = 1;
	cr_assert_eq(exchange_file(ex, 0, 0, 3), 1);
	cr_assert_eq(ex->sent, 5);
	wire_close(&wire);
}

struct silent {
	enum http_method method;
	int status;
};

static const struct silent silents[] = {
	{ HTTP_METHOD_HEAD, 200 },
	{ HTTP_METHOD_GET, 204 },
	{ HTTP_METHOD_GET, 304 },
};

Test(exchange, throws_pieces_away_where_there_is_no_body)
{
	for (size_t i = 0; i < ARRAY_LEN(silents); i++) {
		struct wire wire;
		struct exchange *ex = wire_open(&wire, silents[i].method);

		cr_assert_eq(exchange_head(ex, silents[i].status, -1, NULL, 0), 0);
		cr_assert_eq(exchange_piece(ex, WEIR_STR("hello")), 5);
		cr_assert_eq(exchange_file(ex, 0, 0, 7), 0);
		cr_assert_eq(exchange_end(ex, NULL, 0), 0);
		cr_assert_eq(wire.n_piece + wire.n_file, 0);
		cr_assert(ex->is_bodiless);
		wire_close(&wire);
	}
}

Test(exchange, may_try_another_head_when_the_first_found_no_memory)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	wire.result = -ENOMEM;
	cr_assert_eq(exchange_head(ex, 200, 5, NULL, 0), -ENOMEM);
	cr_assert_eq(ex->phase, EXCHANGE_WAITING);
	cr_assert_eq(ex->status, 0);
	wire.result = 0;
	cr_assert_eq(exchange_head(ex, 503, 0, NULL, 0), 0);
	cr_assert_eq(ex->status, 503);
	wire_close(&wire);
}

Test(exchange, may_be_answered_in_one_call)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_respond(ex, 200, no_type, NULL, 0, WEIR_STR("hello")), 0);
	cr_assert_eq(ex->phase, EXCHANGE_ENDED);
	cr_assert_eq(ex->sent, 5);
	cr_assert_eq(wire.length, 5);
	cr_assert_eq(wire.n_body, 5);
	cr_assert_eq(wire.n_head, 1);
	cr_assert_eq(wire.n_end, 0); /* it came with its body */
	cr_assert_eq(exchange_respond(ex, 200, no_type, NULL, 0, WEIR_STR("hello")), -EPROTO);
	wire_close(&wire);
}

Test(exchange, forgets_the_type_of_a_head_that_found_no_memory)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	wire.result = -ENOMEM;
	cr_assert_eq(exchange_respond(ex, 200, WEIR_STR("text/x"), NULL, 0, WEIR_STR("hello")),
		     -ENOMEM);
	cr_assert(weir_str_eq(wire.type, WEIR_STR("text/x")));
	wire.result = 0;
	cr_assert_eq(exchange_head(ex, 503, 0, NULL, 0), 0);
	cr_assert_null(wire.type.ptr);
	wire_close(&wire);
}

Test(exchange, says_a_length_but_sends_no_body_in_one_call_where_there_is_none)
{
	const int64_t lengths[] = { 5, -1, -1 };

	for (size_t i = 0; i < ARRAY_LEN(silents); i++) {
		struct wire wire;
		struct exchange *ex = wire_open(&wire, silents[i].method);

		cr_assert_eq(exchange_respond(ex, silents[i].status, no_type, NULL, 0,
					      WEIR_STR("hello")),
			     0);
		cr_assert_eq(wire.length, lengths[i]);
		cr_assert_eq(wire.n_body, 0);
		wire_close(&wire);
	}
}

Test(exchange, may_try_again_when_one_call_found_no_memory)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	wire.result = -ENOMEM;
	cr_assert_eq(exchange_respond(ex, 200, no_type, NULL, 0, WEIR_STR("hello")), -ENOMEM);
	cr_assert_eq(ex->phase, EXCHANGE_WAITING);
	wire.result = 0;
	cr_assert_eq(exchange_respond(ex, 503, no_type, NULL, 0, WEIR_STR("")), 0);
	cr_assert_eq(ex->status, 503);
	wire_close(&wire);
}

Test(exchange, is_cut_by_a_piece_that_fails)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_head(ex, 200, -1, NULL, 0), 0);
	wire.result = -ENOMEM;
	cr_assert_eq(exchange_piece(ex, WEIR_STR("hello")), -ENOMEM);
	cr_assert_eq(ex->phase, EXCHANGE_ABORTED);
	cr_assert_eq(wire.n_abort, 1);
	wire.result = 0;
	cr_assert_eq(exchange_piece(ex, WEIR_STR("hello")), -EPIPE);
	cr_assert_eq(exchange_end(ex, NULL, 0), -EPIPE);
	exchange_abort(ex);
	cr_assert_eq(wire.n_abort, 1);
	wire_close(&wire);
}

Test(exchange, is_cut_by_an_end_that_fails)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_head(ex, 200, -1, NULL, 0), 0);
	wire.result = -EAGAIN;
	cr_assert_eq(exchange_end(ex, NULL, 0), -EAGAIN);
	cr_assert_eq(ex->phase, EXCHANGE_STARTED);
	wire.result = -ENOMEM;
	cr_assert_eq(exchange_end(ex, NULL, 0), -ENOMEM);
	cr_assert_eq(ex->phase, EXCHANGE_ABORTED);
	wire_close(&wire);
}

Test(exchange, cannot_be_cut_behind_its_end)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);

	cr_assert_eq(exchange_head(ex, 200, 0, NULL, 0), 0);
	cr_assert_eq(exchange_end(ex, NULL, 0), 0);
	exchange_abort(ex);
	cr_assert_eq(wire.n_abort, 0);
	cr_assert_eq(ex->phase, EXCHANGE_ENDED);
	wire_close(&wire);
}

Test(exchange, refuses_a_body_by_its_announced_length)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_POST);
	weir_str piece;

	ex->head.content_length = 11;
	ex->max_body = 10;
	cr_assert_eq(exchange_next(ex, &piece), -EMSGSIZE);
	cr_assert_eq(ex->fault, FAULT_BODY_TOO_LARGE);
	cr_assert_eq(wire.n_next, 0);
	ex->max_body = 11;
	wire.result = 1;
	cr_assert_eq(exchange_next(ex, &piece), 1);
	wire_close(&wire);
}

Test(exchange, answers_epipe_to_everything_when_the_client_is_gone)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_GET);
	weir_str piece;

	exchange_detach(ex);
	cr_assert_eq(wire.n_gone, 1);
	cr_assert(exchange_is_gone(ex));
	cr_assert_eq(exchange_interim(ex, 103, NULL, 0), -EPIPE);
	cr_assert_eq(exchange_head(ex, 200, -1, NULL, 0), -EPIPE);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("x")), -EPIPE);
	cr_assert_eq(exchange_file(ex, 0, 0, 1), -EPIPE);
	cr_assert_eq(exchange_end(ex, NULL, 0), -EPIPE);
	cr_assert_eq(exchange_next(ex, &piece), -EPIPE);
	exchange_abort(ex);
	cr_assert_eq(wire.n_abort, 0);
	wire_close(&wire);
}

Test(exchange, comes_from_the_pool_as_good_as_new)
{
	struct wire wire;
	struct exchange *ex = wire_open(&wire, HTTP_METHOD_HEAD), *again;
	void *memory = arena_alloc(&ex->arena, 100);

	cr_assert_not_null(memory);
	cr_assert_null(arena_alloc(&ex->arena, 20000));
	ex->budget.limit = 5;
	ex->max_body = 1;
	ex->half_close = HALF_CLOSE_FINISH;
	ex->is_logged = false;
	ex->fault = FAULT_BODY_CUT;
	ex->owner = &wire;
	cr_assert_eq(exchange_head(ex, 200, 5, NULL, 0), 0);
	cr_assert_eq(exchange_piece(ex, WEIR_STR("hello")), 5);
	exchange_finish(ex);
	cr_assert_eq(wire.pool.n_unused, 1);

	again = exchange_new(&wire.pool);
	cr_assert_eq(again, ex);
	cr_assert_eq(again->phase, EXCHANGE_WAITING);
	cr_assert_eq(again->status, 0);
	cr_assert_eq(again->sent, 0);
	cr_assert_eq(again->promised, -1);
	cr_assert_eq(again->max_body, UINT64_MAX);
	cr_assert_eq(again->half_close, HALF_CLOSE_CANCEL);
	cr_assert_eq(again->fault, FAULT_NONE);
	cr_assert_null(again->owner);
	cr_assert(again->is_logged);
	cr_assert_not(again->is_bodiless);
	cr_assert_not(again->budget.is_short);
	cr_assert_eq(arena_alloc(&again->arena, 100), memory);
	exchange_finish(again);
	wire_close(&wire);
}
