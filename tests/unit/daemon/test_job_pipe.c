/* test_job_pipe.c - one end on a loop, the other in the test's hand. */
#include "daemon/job_pipe.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/ipc.h"
#include "io/loop.h"
#include "pipe_seen.h"

struct talk {
	struct loop *loop;
	struct job_pipe pipe;
	int far;     /* the other end; -1 once closed */
	char *buf;   /* the pipe's */
	char *taken; /* what came to the other end last */
	struct pipe_seen seen;
	unsigned n_drained;
	struct job_packet last; /* without its views */
	char last_bytes[64];
	bool closes; /* at the first message */
};

static struct talk *talk_of(struct job_pipe *p)
{
	return container_of(p, struct talk, pipe);
}

static void on_message(struct job_pipe *p, const struct job_packet *packet)
{
	struct talk *t = talk_of(p);

	close_fdp(&t->last.fd);
	t->seen.n_messages++;
	t->last = *packet;
	(void)snprintf(t->last_bytes, sizeof(t->last_bytes), "%.*s", (int)packet->bytes.len,
		       packet->bytes.ptr);
	if (t->closes)
		job_pipe_close(p);
}

static void on_drained(struct job_pipe *p)
{
	talk_of(p)->n_drained++;
}

static void on_closed(struct job_pipe *p, int error)
{
	cr_assert(!job_pipe_is_open(p));
	pipe_seen_end(&talk_of(p)->seen, error);
}

static const struct job_pipe_ops ops = { on_message, on_drained, on_closed };

static void begin_with(struct talk *t, size_t max_unsent)
{
	int fds[2];

	*t = (struct talk){ .last.fd = -1 };
	t->buf = malloc(JOB_PACKET_MAX);
	t->taken = malloc(JOB_PACKET_MAX);
	cr_assert_eq(loop_new_virtual(&t->loop), 0);
	cr_assert_eq(ipc_pair(fds), 0);
	t->far = fds[0];
	job_pipe_init(&t->pipe, t->loop, t->buf, max_unsent, &ops);
	cr_assert(!job_pipe_is_open(&t->pipe));
	job_pipe_open(&t->pipe, fds[1]);
}

static void begin(struct talk *t)
{
	begin_with(t, SIZE_MAX);
}

static void done(struct talk *t)
{
	job_pipe_close(&t->pipe);
	job_pipe_close(&t->pipe);
	t->loop = loop_free(t->loop);
	close_fdp(&t->far);
	close_fdp(&t->last.fd);
	free(t->buf);
	free(t->taken);
}

static void far_send(struct talk *t, uint64_t id)
{
	struct job_packet p = { .word = JOB_CANCEL, .id = id };

	cr_assert_eq(job_wire_send(t->far, &p), 0);
}

/* The next one that has come to the other end: it must be there. */
static struct job_packet far_take(struct talk *t)
{
	struct job_packet p;

	cr_assert_eq(job_wire_receive(t->far, t->taken, &p), 1);
	return p;
}

static bool far_has_more(struct talk *t)
{
	char byte;

	return recv(t->far, &byte, 1, MSG_PEEK | MSG_TRUNC) > 0;
}

static void send_word(struct talk *t, enum job_word word, uint64_t id, const char *bytes)
{
	struct job_packet p = { .word = word, .id = id, .bytes = { bytes, strlen(bytes) } };

	cr_assert_eq(job_pipe_send(&t->pipe, &p), 0);
}

/* Until the socket takes no more; how many packets those are. */
static unsigned fill(struct talk *t)
{
	unsigned n = 0;

	while (!job_pipe_is_full(&t->pipe)) {
		send_word(t, JOB_PROGRESS, 1000 + n, "");
		n++;
	}
	return n;
}

Test(job_pipe, a_packet_leaves_at_once)
{
	struct talk t;

	begin(&t);
	send_word(&t, JOB_ENDED, 5, "42");
	cr_assert_eq(far_take(&t).id, 5u);
	cr_assert(!far_has_more(&t));
	done(&t);
}

Test(job_pipe, packets_arrive_in_order)
{
	struct talk t;

	begin(&t);
	for (uint64_t i = 1; i <= 40; i++)
		far_send(&t, i);
	loop_turn(t.loop, false);
	cr_assert_lt(t.seen.n_messages, 40u, "others have their turn too");
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 40u);
	cr_assert_eq(t.last.id, 40u);
	done(&t);
}

Test(job_pipe, what_the_socket_does_not_take_leaves_later_in_order)
{
	uint64_t next = 1000;
	struct talk t;

	begin(&t);
	(void)fill(&t);
	send_word(&t, JOB_ENDED, 7, "last");
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.n_drained, 0u);
	for (;;) {
		struct job_packet p = far_take(&t);

		pipe_seen_turns(t.loop);
		if (p.word == JOB_ENDED)
			break;
		cr_assert_eq(p.id, next++);
	}
	cr_assert_eq(t.n_drained, 1u);
	cr_assert_eq(t.pipe.n_unsent, 0u);
	cr_assert(!job_pipe_is_full(&t.pipe));
	cr_assert(!far_has_more(&t));
	done(&t);
}

Test(job_pipe, a_newer_report_replaces_one_that_has_not_left)
{
	struct job_packet p;
	struct talk t;

	begin(&t);
	for (unsigned n = fill(&t); n > 1; n--)
		(void)far_take(&t);
	/* The socket is empty; what waits here has not left yet, as no turn has passed. */
	send_word(&t, JOB_PROGRESS, 1, "old");
	send_word(&t, JOB_PROGRESS, 2, "other");
	send_word(&t, JOB_PROGRESS, 1, "newer than that");
	send_word(&t, JOB_ENDED, 1, "");
	pipe_seen_turns(t.loop);
	(void)far_take(&t);
	p = far_take(&t);
	cr_assert(p.word == JOB_PROGRESS && p.id == 1);
	cr_assert(weir_str_eq(p.bytes, WEIR_STR("newer than that")));
	p = far_take(&t);
	cr_assert(p.word == JOB_PROGRESS && p.id == 2);
	cr_assert_eq(far_take(&t).word, JOB_ENDED);
	cr_assert_eq(t.pipe.n_unsent, 0u);
	done(&t);
}

static int payload(const char *text)
{
	int fd = memfd_create("payload", MFD_CLOEXEC);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

Test(job_pipe, a_descriptor_may_be_closed_although_its_packet_waits)
{
	struct job_packet p = { .word = JOB_ENDED, .id = 3, .fd_len = 3 };
	char text[4] = "";
	struct talk t;

	begin(&t);
	(void)fill(&t);
	p.fd = payload("abc");
	cr_assert_eq(job_pipe_send(&t.pipe, &p), 0);
	(void)close(p.fd);
	do {
		p = far_take(&t);
		pipe_seen_turns(t.loop);
	} while (p.word != JOB_ENDED);
	cr_assert_eq(pread(p.fd, text, 3, 0), 3);
	cr_assert_str_eq(text, "abc");
	(void)close(p.fd);
	done(&t);
}

Test(job_pipe, a_received_descriptor_is_the_owners)
{
	struct job_packet p = { .word = JOB_RUN, .fd_len = 3 };
	struct talk t;

	begin(&t);
	p.module = p.name = WEIR_STR("m");
	p.fd = payload("abc");
	cr_assert_eq(job_wire_send(t.far, &p), 0);
	(void)close(p.fd);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.last.fd_len, 3u);
	cr_assert_geq(fcntl(t.last.fd, F_GETFD), 0);
	done(&t);
}

Test(job_pipe, it_may_be_closed_by_a_message)
{
	struct talk t;

	begin(&t);
	t.closes = true;
	far_send(&t, 1);
	far_send(&t, 2);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 1u);
	cr_assert_eq(t.seen.n_closed, 0u, "which its owner knows");
	cr_assert(!job_pipe_is_open(&t.pipe));
	done(&t);
}

Test(job_pipe, the_end_of_the_other_process_is_told_after_its_last_words)
{
	struct talk t;

	begin(&t);
	far_send(&t, 1);
	(void)close(steal_fd(t.far));
	send_word(&t, JOB_ENDED, 1, "to nobody");
	send_word(&t, JOB_ENDED, 2, "to nobody");
	cr_assert_eq(t.seen.n_closed, 0u);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 1u);
	pipe_seen_check_end(&t.seen, 0);
	done(&t);
}

Test(job_pipe, the_end_of_one_that_read_nothing_is_told)
{
	struct talk t;

	begin_with(&t, 10);
	(void)fill(&t);
	send_word(&t, JOB_ENDED, 1, "which is more than ten bytes");
	(void)close(steal_fd(t.far));
	pipe_seen_turns(t.loop);
	pipe_seen_check_end(&t.seen, 0);
	done(&t);
}

Test(job_pipe, garbage_closes_it)
{
	struct talk t;

	begin(&t);
	cr_assert_eq(send(t.far, "garbage", 7, 0), 7);
	pipe_seen_turns(t.loop);
	pipe_seen_check_end(&t.seen, -EPROTO);
	done(&t);
}

Test(job_pipe, the_last_words_of_a_dead_process_are_all_heard_at_once)
{
	struct talk t;

	begin(&t);
	for (uint64_t i = 1; i <= 40; i++)
		far_send(&t, i);
	(void)close(steal_fd(t.far));
	job_pipe_finish(&t.pipe);
	cr_assert_eq(t.seen.n_messages, 40u);
	cr_assert(!job_pipe_is_open(&t.pipe));
	cr_assert_eq(t.seen.n_closed, 0u, "which its owner knows");
	done(&t);
}

/* A child of it may still hold the other end. */
Test(job_pipe, last_words_are_not_waited_for)
{
	struct talk t;

	begin(&t);
	far_send(&t, 1);
	job_pipe_finish(&t.pipe);
	cr_assert_eq(t.seen.n_messages, 1u);
	cr_assert(!job_pipe_is_open(&t.pipe));
	job_pipe_finish(&t.pipe);
	done(&t);
}

Test(job_pipe, it_can_be_opened_again)
{
	struct talk t;
	int fds[2];

	begin(&t);
	(void)fill(&t);
	job_pipe_close(&t.pipe);
	(void)close(t.far);
	cr_assert_eq(ipc_pair(fds), 0);
	t.far = fds[0];
	job_pipe_open(&t.pipe, fds[1]);
	send_word(&t, JOB_QUEUED, 9, "");
	cr_assert_eq(far_take(&t).id, 9u);
	far_send(&t, 1);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 1u);
	done(&t);
}

Test(job_pipe, who_does_not_read_is_not_listened_to)
{
	struct talk t;

	begin_with(&t, 1000);
	(void)fill(&t);
	for (unsigned i = 0; i < 20; i++)
		send_word(&t, JOB_ENDED, i, "");
	far_send(&t, 1);
	pipe_seen_turns(t.loop);
	cr_assert_eq(t.seen.n_messages, 0u);
	while (far_has_more(&t)) {
		(void)far_take(&t);
		pipe_seen_turns(t.loop);
	}
	cr_assert_eq(t.seen.n_messages, 1u);
	done(&t);
}

Test(job_pipe, what_is_no_packet_is_refused)
{
	struct job_packet p = { .word = JOB_REFUSED };
	struct talk t;

	begin(&t);
	cr_assert_eq(job_pipe_send(&t.pipe, &p), -EINVAL);
	(void)fill(&t);
	cr_assert_eq(job_pipe_send(&t.pipe, &p), -EINVAL);
	done(&t);
}
