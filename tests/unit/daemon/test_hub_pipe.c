/* test_hub_pipe.c - one end on a loop, the other in the test's hand. */
#include "daemon/hub_pipe.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipe_seen.h"

#define MAX_BYTES ((size_t)1024 * 1024)

struct talk {
	struct loop *loop;
	struct block_pool pool;
	struct hub_pipe pipe;
	int far; /* the other end; -1 once closed */
	struct pipe_seen seen;
	unsigned n_caught_up;
	uint64_t n_dropped;
	size_t last_len; /* of the last message */
	uint64_t sum;	 /* of what n_lost was in all of them */
	bool closes;	 /* at the first message */
};

static struct talk *talk_of(struct hub_pipe *p)
{
	return container_of(p, struct talk, pipe);
}

static void on_message(struct hub_pipe *p, const struct hub_message *m)
{
	struct talk *t = talk_of(p);

	t->seen.n_messages++;
	t->last_len = m->bytes.len;
	t->sum += m->n_lost;
	if (t->closes)
		hub_pipe_close(p);
}

static void on_caught_up(struct hub_pipe *p, uint64_t n_dropped)
{
	talk_of(p)->n_caught_up++;
	talk_of(p)->n_dropped += n_dropped;
}

static void on_closed(struct hub_pipe *p, int error)
{
	cr_assert(!hub_pipe_is_open(p));
	pipe_seen_end(&talk_of(p)->seen, error);
}

static const struct hub_pipe_ops ops = { on_message, on_caught_up, on_closed };

static void begin(struct talk *t)
{
	int fds[2];

	memset(t, 0, sizeof(*t));
	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(loop_new_virtual(&t->loop), 0);
	block_pool_init(&t->pool, 4);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	t->far = fds[0];
	hub_pipe_init(&t->pipe, t->loop, &t->pool, MAX_BYTES, &ops);
	cr_assert(!hub_pipe_is_open(&t->pipe));
	hub_pipe_open(&t->pipe, fds[1]);
}

static void done(struct talk *t)
{
	hub_pipe_close(&t->pipe);
	block_pool_done(&t->pool);
	t->loop = loop_free(t->loop);
	if (t->far >= 0)
		(void)close(t->far);
}

static void far_close(struct talk *t)
{
	(void)close(t->far);
	t->far = -1;
}

/* As bytes, to be freed. */
static weir_str make(struct talk *t, const struct hub_message *m)
{
	struct outq q;
	char *bytes = malloc(hub_wire_len(m));
	weir_str made = { bytes, hub_wire_len(m) };

	outq_init(&q, &t->pool);
	cr_assert_eq(hub_wire_put(&q, m), 0);
	memcpy(bytes, outq_last(&q)->data, made.len);
	outq_done(&q);
	return made;
}

static void far_send(struct talk *t, const struct hub_message *m)
{
	weir_str bytes = make(t, m);
	size_t sent = 0;

	while (sent < bytes.len) {
		ssize_t n = send(t->far, bytes.ptr + sent, bytes.len - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else
			cr_assert_eq(errno, EAGAIN);
		pipe_seen_turns(t->loop);
	}
	free((char *)bytes.ptr);
}

/* All that has come to the other end. */
static size_t far_take(struct talk *t)
{
	static char some[65536];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(t->far, some, sizeof(some), MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	return len;
}

static struct hub_message of_len(const char *bytes, size_t len)
{
	return (struct hub_message){ .type = HUB_PUBLISH, .bytes = { bytes, len } };
}

Test(hub_pipe, many_messages_arrive_in_one_turn)
{
	struct hub_message one = { .type = HUB_LOST, .n_lost = 1 };
	struct talk t;
	weir_str bytes;

	begin(&t);
	bytes = make(&t, &one);
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(send(t.far, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
	loop_turn(t.loop, false);
	cr_assert_eq(t.seen.n_messages, 100u);
	cr_assert_eq(t.sum, 100u);
	cr_assert_null(t.pipe.in);
	free((char *)bytes.ptr);
	done(&t);
}

Test(hub_pipe, a_message_may_come_byte_by_byte)
{
	struct hub_message one = { .type = HUB_LOST, .n_lost = 5 };
	struct talk t;
	weir_str bytes;

	begin(&t);
	bytes = make(&t, &one);
	for (unsigned i = 0; i < 3 * bytes.len; i++) {
		cr_assert_eq(send(t.far, bytes.ptr + i % bytes.len, 1, 0), 1);
		cr_assert_eq(t.seen.n_messages, i / bytes.len);
		loop_turn(t.loop, false);
	}
	cr_assert_eq(t.sum, 15u);
	free((char *)bytes.ptr);
	done(&t);
}

Test(hub_pipe, messages_of_every_size_arrive)
{
	static const size_t lens[] = {
		0, 1, 16000, 16384, 16385, 70000, MAX_BYTES, 3, 15000, 15000
	};
	char *bytes = calloc(1, MAX_BYTES);
	struct talk t;

	begin(&t);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct hub_message m = of_len(bytes, lens[i]);

		far_send(&t, &m);
		cr_assert_eq(t.seen.n_messages, i + 1);
		cr_assert_eq(t.last_len, lens[i]);
	}
	cr_assert_eq(t.pool.n_taken, 0u);
	done(&t);
	free(bytes);
}

Test(hub_pipe, what_is_put_in_a_turn_leaves_at_its_end)
{
	struct hub_message m = of_len("abc", 3);
	struct talk t;

	begin(&t);
	for (unsigned i = 0; i < 10; i++)
		cr_assert(hub_pipe_publish(&t.pipe, &m));
	cr_assert_eq(far_take(&t), 0u);
	loop_turn(t.loop, false);
	cr_assert_eq(far_take(&t), 150u);
	cr_assert_eq(t.pipe.n_in_queue, 0u);
	done(&t);
}

Test(hub_pipe, a_full_queue_drops_until_half_of_it_has_left)
{
	char *bytes = calloc(1, MAX_BYTES);
	struct hub_message m = of_len(bytes, MAX_BYTES / 2);
	unsigned n_sent = 0;
	struct talk t;

	begin(&t);
	while (hub_pipe_publish(&t.pipe, &m))
		n_sent++;
	cr_assert_eq(n_sent, 15u);
	for (unsigned i = 0; i < 9; i++) {
		pipe_seen_turns(t.loop);
		cr_assert(!hub_pipe_publish(&t.pipe, &m));
	}
	cr_assert_leq(t.pipe.stream.out.queued, HUB_PIPE_QUEUE_MAX);
	cr_assert_eq(t.n_caught_up, 0u);
	while (t.n_caught_up == 0) {
		cr_assert_gt(far_take(&t), 0u);
		pipe_seen_turns(t.loop);
	}
	cr_assert_leq(t.pipe.stream.out.queued, HUB_PIPE_QUEUE_MAX / 2);
	cr_assert_eq(t.n_dropped, 10u);
	cr_assert(hub_pipe_publish(&t.pipe, &m));
	done(&t);
	free(bytes);
}

Test(hub_pipe, what_is_no_publication_is_never_dropped)
{
	char *bytes = calloc(1, MAX_BYTES);
	struct hub_message m = of_len(bytes, MAX_BYTES);
	struct hub_message want = { .type = HUB_WANT };
	struct talk t;

	begin(&t);
	while (hub_pipe_publish(&t.pipe, &m))
		;
	cr_assert_eq(hub_pipe_put(&t.pipe, &want), 0);
	done(&t);
	free(bytes);
}

Test(hub_pipe, the_end_of_the_other_process_is_told)
{
	struct talk t;

	begin(&t);
	far_close(&t);
	pipe_seen_turns(t.loop);
	pipe_seen_check_end(&t.seen, 0);
	done(&t);
}

Test(hub_pipe, its_last_words_are_heard_although_it_takes_nothing_more)
{
	struct hub_message last = { .type = HUB_LOST, .n_lost = 7 }, m = of_len("abc", 3);
	struct talk t;
	weir_str bytes;

	begin(&t);
	bytes = make(&t, &last);
	cr_assert_eq(send(t.far, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
	free((char *)bytes.ptr);
	far_close(&t);
	cr_assert(hub_pipe_publish(&t.pipe, &m));
	hub_pipe_flush(&t.pipe);
	cr_assert(hub_pipe_is_open(&t.pipe));
	cr_assert(!hub_pipe_publish(&t.pipe, &m));
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.sum, 7u);
	pipe_seen_check_end(&t.seen, 0);
	cr_assert_eq(t.pipe.n_in_queue, 1u);
	done(&t);
}

Test(hub_pipe, who_dies_with_our_words_unread_is_heard_too)
{
	struct hub_message last = { .type = HUB_LOST, .n_lost = 7 }, m = of_len("abc", 3);
	struct talk t;
	weir_str bytes;

	begin(&t);
	cr_assert(hub_pipe_publish(&t.pipe, &m));
	hub_pipe_flush(&t.pipe);
	bytes = make(&t, &last);
	cr_assert_eq(send(t.far, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
	free((char *)bytes.ptr);
	far_close(&t);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.sum, 7u);
	cr_assert_eq(t.seen.error, 0);
	done(&t);
}

Test(hub_pipe, garbage_closes_it)
{
	struct talk t;

	begin(&t);
	cr_assert_eq(send(t.far, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	pipe_seen_turns(t.loop);
	pipe_seen_check_end(&t.seen, -EPROTO);
	cr_assert_eq(t.seen.n_messages, 0u);
	done(&t);
}

Test(hub_pipe, half_a_message_of_who_dies_is_no_garbage)
{
	struct talk t;

	begin(&t);
	cr_assert_eq(send(t.far, "\x14\0\0", 3, 0), 3);
	pipe_seen_turns(t.loop);
	far_close(&t);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.error, 0);
	cr_assert_eq(t.seen.n_closed, 1u);
	done(&t);
}

Test(hub_pipe, may_be_closed_at_a_message_and_opened_again)
{
	struct hub_message one = { .type = HUB_LOST, .n_lost = 1 };
	struct talk t;
	weir_str bytes;
	int fds[2];

	begin(&t);
	t.closes = true;
	bytes = make(&t, &one);
	cr_assert_eq(send(t.far, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
	cr_assert_eq(send(t.far, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 1u);
	cr_assert_eq(t.seen.n_closed, 0u);

	far_close(&t);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	t.far = fds[0];
	t.closes = false;
	hub_pipe_open(&t.pipe, fds[1]);
	cr_assert_eq(send(t.far, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 2u);
	free((char *)bytes.ptr);
	done(&t);
}
