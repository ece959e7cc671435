/* test_job_wire.c - packets as bytes and on sockets, and what is no packet. */
#include "daemon/job_wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macro.h"
#include "io/ipc.h"
#include "proto/traceparent.h"

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static const struct job_packet submit = { .word = JOB_SUBMIT,
					  .id = 0x0123456789abcdef,
					  .priority = -7,
					  .route = 3,
					  .max_run_ms = 30000,
					  .deadline_ms = INT64_MAX,
					  .pool = { "slow", 4 },
					  .module = { "primes", 6 },
					  .name = { "count", 5 },
					  .request_id = { "abc-1", 5 },
					  .traceparent = { TRACEPARENT, TRACEPARENT_LEN },
					  .bytes = { "a\0b", 3 },
					  .fd = -1 };

static void expect_same(const struct job_packet *a, const struct job_packet *b)
{
	cr_assert_eq(a->word, b->word);
	cr_assert_eq(a->id, b->id);
	cr_assert_eq(a->result, b->result);
	cr_assert_eq(a->status, b->status);
	cr_assert_eq(a->priority, b->priority);
	cr_assert_eq(a->route, b->route);
	cr_assert_eq(a->max_run_ms, b->max_run_ms);
	cr_assert_eq(a->deadline_ms, b->deadline_ms);
	cr_assert_eq(a->resident, b->resident);
	cr_assert_eq(a->fd_len, b->fd_len);
	cr_assert(weir_str_eq(a->pool, b->pool));
	cr_assert(weir_str_eq(a->module, b->module));
	cr_assert(weir_str_eq(a->name, b->name));
	cr_assert(weir_str_eq(a->request_id, b->request_id));
	cr_assert(weir_str_eq(a->traceparent, b->traceparent));
	cr_assert(weir_str_eq(a->bytes, b->bytes));
}

/* As bytes, in memory of exactly that size, to be freed. */
static weir_str encode(const struct job_packet *p)
{
	char *bytes = malloc(JOB_PACKET_MAX);
	ssize_t len = job_wire_encode(p, bytes, JOB_PACKET_MAX);

	cr_assert_gt(len, 0);
	return (weir_str){ realloc(bytes, (size_t)len), (size_t)len };
}

static void check_round_trip(struct job_packet p)
{
	struct job_packet got = { 0 };
	weir_str in = encode(&p);

	cr_assert_eq(job_wire_decode(in, &got), 0);
	expect_same(&got, &p);
	cr_assert_eq(got.fd, -1);
	free((char *)in.ptr);
}

Test(job_wire, what_a_worker_says_comes_back)
{
	check_round_trip(submit);
	check_round_trip((struct job_packet){ .word = JOB_CANCEL, .id = 1 });
}

Test(job_wire, what_the_hub_says_comes_back)
{
	check_round_trip((struct job_packet){ .word = JOB_QUEUED, .id = 1 });
	check_round_trip((struct job_packet){ .word = JOB_STARTED, .id = UINT64_MAX });
	check_round_trip((struct job_packet){ .word = JOB_REFUSED, .id = 2, .result = -EAGAIN });
	check_round_trip(
		(struct job_packet){ .word = JOB_ENDED, .id = 3, .result = -ECHILD, .status = 9 });
	check_round_trip((struct job_packet){ .word = JOB_RUN,
					      .deadline_ms = 77,
					      .module = WEIR_STR("m"),
					      .name = WEIR_STR("n"),
					      .request_id = WEIR_STR("7"),
					      .fd_len = (uint64_t)1 << 40 });
}

Test(job_wire, what_a_job_process_says_comes_back)
{
	check_round_trip((struct job_packet){
		.word = JOB_IDLE, .id = 4711, .route = 2, .resident = (uint64_t)1 << 33 });
	check_round_trip((struct job_packet){ .word = JOB_PROGRESS, .bytes = WEIR_STR("12 %") });
	check_round_trip((struct job_packet){
		.word = JOB_ENDED, .id = 5, .resident = 4096, .bytes = WEIR_STR("{}") });
	check_round_trip((struct job_packet){ .word = JOB_ENDED, .id = 5, .fd_len = 65537 });
}

Test(job_wire, what_is_not_of_a_word_is_not_sent)
{
	struct job_packet p = submit, got, want = { .word = JOB_CANCEL, .id = submit.id };
	weir_str in;

	p.word = JOB_CANCEL;
	p.fd_len = 12;
	p.resident = 99;
	p.bytes = (weir_str){ 0 };
	in = encode(&p);
	cr_assert_eq(job_wire_decode(in, &got), 0);
	expect_same(&got, &want);
	free((char *)in.ptr);
}

Test(job_wire, the_largest_packet_comes_back_and_no_larger_one_is_made)
{
	char *bytes = calloc(1, JOB_INLINE_MAX + 1), name[JOB_NAME_MAX + 1] = "";
	char id[JOB_REQUEST_ID_MAX];
	char *out = malloc(JOB_PACKET_MAX);
	struct job_packet p = submit;

	p.pool = p.module = p.name = (weir_str){ name, JOB_NAME_MAX };
	memset(id, 'i', sizeof(id));
	p.request_id = (weir_str){ id, sizeof(id) };
	p.bytes = (weir_str){ bytes, JOB_INLINE_MAX };
	check_round_trip(p);
	p.bytes.len++;
	cr_assert_eq(job_wire_encode(&p, out, JOB_PACKET_MAX), -EMSGSIZE);
	p.bytes.len = 0;
	p.pool.len++;
	cr_assert_eq(job_wire_encode(&p, out, JOB_PACKET_MAX), -EMSGSIZE);
	p = submit;
	p.module = (weir_str){ name, JOB_NAME_MAX + 1 };
	cr_assert_eq(job_wire_encode(&p, out, JOB_PACKET_MAX), -EMSGSIZE);
	p = submit;
	p.name = (weir_str){ name, JOB_NAME_MAX + 1 };
	cr_assert_eq(job_wire_encode(&p, out, JOB_PACKET_MAX), -EMSGSIZE);
	cr_assert_eq(job_wire_encode(&submit, out, 20), -EMSGSIZE);
	free(bytes);
	free(out);
}

static void check_not_made(struct job_packet p)
{
	char out[512];

	cr_assert_eq(job_wire_encode(&p, out, sizeof(out)), -EINVAL);
}

Test(job_wire, what_makes_no_sense_is_not_made)
{
	struct job_packet p = submit;

	p.name.len = 0;
	check_not_made(p);
	p = submit;
	p.module.len = 0;
	check_not_made(p);
	p = submit;
	p.max_run_ms = -1;
	check_not_made(p);
	p = submit;
	p.fd_len = 1;
	check_not_made(p);
	check_not_made((struct job_packet){ .word = JOB_REFUSED });
	check_not_made((struct job_packet){ 0 });
	check_not_made((struct job_packet){ .word = JOB_IDLE + 1 });
}

Test(job_wire, whose_it_is_must_be_what_may_stand_in_logs)
{
	char id[JOB_REQUEST_ID_MAX + 1];
	struct job_packet p = submit, got;
	weir_str in;
	char *at;

	memset(id, 'i', sizeof(id));
	p.request_id = (weir_str){ id, sizeof(id) };
	check_not_made(p);
	p.request_id = WEIR_STR("two\nlines");
	check_not_made(p);
	p = submit;
	p.traceparent.len--;
	check_not_made(p);
	p.traceparent = WEIR_STR(TRACEPARENT "-more");
	check_not_made(p);

	in = encode(&submit);
	at = memmem(in.ptr, in.len, "abc-1", 5);
	cr_assert_not_null(at);
	*at = '\n';
	cr_assert_eq(job_wire_decode(in, &got), -EPROTO);
	*at = 'a';
	cr_assert_eq(job_wire_decode(in, &got), 0);
	at[5] = 'x'; /* the trace's version */
	cr_assert_eq(job_wire_decode(in, &got), -EPROTO);
	free((char *)in.ptr);
}

Test(job_wire, no_part_of_a_packet_is_taken_for_a_whole_one)
{
	struct job_packet p = submit, got = { 0 };
	size_t fixed;
	weir_str in;

	in = encode(&p);
	fixed = in.len - p.bytes.len;
	for (size_t len = 0; len < fixed; len++) {
		char *part = malloc(len > 0 ? len : 1);

		memcpy(part, in.ptr, len);
		cr_assert_eq(job_wire_decode((weir_str){ part, len }, &got), -EPROTO, "%zu", len);
		free(part);
	}
	cr_assert_eq(got.word, 0, "untouched");
	free((char *)in.ptr);
}

/* Every byte of the head is turned over: what is then taken, is what encoding makes. */
Test(job_wire, a_head_is_taken_only_as_it_is_made)
{
	struct job_packet p = { .word = JOB_CANCEL, .id = 1 }, got;
	weir_str in = encode(&p);
	char *bytes = (char *)in.ptr, again[128];
	unsigned n_taken = 0;

	for (size_t bit = 0; bit < in.len * 8; bit++) {
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		if (job_wire_decode(in, &got) == 0) {
			n_taken++;
			cr_assert_eq(job_wire_encode(&got, again, sizeof(again)), (ssize_t)in.len);
			cr_assert_eq(memcmp(again, bytes, in.len), 0);
		}
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	/* Another id; PROGRESS (2 ^ 4), QUEUED (2 ^ 1). */
	cr_assert_eq(n_taken, 64u + 2u);
	free(bytes);
}

Test(job_wire, garbage_is_refused_or_encodes_to_itself)
{
	uint64_t random = 88172645463325252u;
	char again[256];

	for (unsigned i = 0; i < 200000; i++) {
		size_t len = 56 + i % 64;
		char *bytes = malloc(len);
		struct job_packet got;

		for (size_t k = 0; k < len; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[k] = (char)(random % 7 == 0 ? random >> 32 : random % 4 == 0);
		}
		bytes[56 - 1] = 0;
		if (len > 56)
			bytes[56] = (char)(random % 11);
		if (job_wire_decode((weir_str){ bytes, len }, &got) == 0) {
			cr_assert_eq(job_wire_encode(&got, again, sizeof(again)), (ssize_t)len);
			cr_assert_eq(memcmp(again, bytes, len), 0);
		}
		free(bytes);
	}
}

/* ---- on sockets */

struct ends {
	int fds[2];
	char *buf;
};

static void begin(struct ends *e)
{
	cr_assert_eq(ipc_pair(e->fds), 0);
	e->buf = malloc(JOB_PACKET_MAX);
}

static void done(struct ends *e)
{
	close_fdp(&e->fds[0]);
	close_fdp(&e->fds[1]);
	free(e->buf);
}

Test(job_wire, a_sent_packet_is_received)
{
	struct job_packet got;
	struct ends e;

	begin(&e);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), -EAGAIN);
	cr_assert_eq(job_wire_send(e.fds[0], &submit), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 1);
	expect_same(&got, &submit);
	cr_assert_eq(got.fd, -1);
	done(&e);
}

Test(job_wire, an_encoded_packet_is_received)
{
	weir_str bytes = encode(&submit);
	struct job_packet got;
	struct ends e;

	begin(&e);
	cr_assert_eq(job_wire_send_encoded(e.fds[0], bytes, -1), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 1);
	expect_same(&got, &submit);
	free((char *)bytes.ptr);
	done(&e);
}

Test(job_wire, a_large_payload_comes_as_a_descriptor)
{
	struct job_packet p = { .word = JOB_ENDED, .fd_len = 70000 }, got;
	char text[4] = "";
	struct ends e;

	begin(&e);
	p.fd = memfd_create("payload", MFD_CLOEXEC);
	cr_assert_eq(write(p.fd, "abc", 3), 3);
	cr_assert_eq(job_wire_send(e.fds[0], &p), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 1);
	expect_same(&got, &p);
	cr_assert_neq(got.fd, p.fd);
	cr_assert(fcntl(got.fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(pread(got.fd, text, 3, 0), 3);
	cr_assert_str_eq(text, "abc");
	(void)close(got.fd);
	(void)close(p.fd);
	done(&e);
}

Test(job_wire, without_a_length_there_is_no_descriptor)
{
	struct job_packet p = { .word = JOB_ENDED, .fd = 0 }, got;
	struct ends e;

	begin(&e);
	cr_assert_eq(job_wire_send(e.fds[0], &p), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 1);
	cr_assert_eq(got.fd, -1);
	done(&e);
}

static int next_free_fd(void)
{
	int fd = dup(0);

	(void)close(fd);
	return fd;
}

Test(job_wire, a_descriptor_that_is_not_announced_is_refused_and_closed)
{
	weir_str bytes = encode(&submit);
	struct job_packet got;
	struct ends e;
	int free_fd;

	begin(&e);
	free_fd = next_free_fd();
	cr_assert_eq(job_wire_send_encoded(e.fds[0], bytes, 0), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), -EPROTO);
	cr_assert_eq(next_free_fd(), free_fd);
	free((char *)bytes.ptr);
	done(&e);
}

Test(job_wire, several_descriptors_are_refused_and_closed)
{
	struct ipc_message several = { .n_fds = 7 };
	struct job_packet got;
	struct ends e;
	int free_fd;

	begin(&e);
	free_fd = next_free_fd();
	cr_assert_eq(ipc_send(e.fds[0], &several), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), -EPROTO);
	several.n_fds = 2;
	cr_assert_eq(ipc_send(e.fds[0], &several), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), -EPROTO);
	cr_assert_eq(next_free_fd(), free_fd);
	done(&e);
}

Test(job_wire, who_has_no_room_for_a_descriptor_gets_the_packet_torn)
{
	struct job_packet p = { .word = JOB_ENDED, .id = 8, .fd = 0, .fd_len = 70000 }, got;
	struct rlimit limit;
	struct ends e;

	begin(&e);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(job_wire_send(e.fds[0], &p), 0);
	limit.rlim_cur = (rlim_t)next_free_fd();
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 1);
	cr_assert(job_packet_is_torn(&got));
	cr_assert_eq(got.id, 8u);
	cr_assert_eq(got.fd_len, 70000u);
	done(&e);
}

Test(job_wire, the_end_of_the_other_is_told_after_its_last_words)
{
	struct job_packet got;
	struct ends e;

	begin(&e);
	cr_assert_eq(job_wire_send(e.fds[1], &submit), 0, "which nobody reads");
	cr_assert_eq(job_wire_send(e.fds[0], &submit), 0);
	(void)close(steal_fd(e.fds[0]));
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 1);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), 0);
	cr_assert_eq(job_wire_send(e.fds[1], &submit), -EPIPE);
	done(&e);
}

Test(job_wire, a_full_socket_says_so)
{
	struct ends e;
	int r;

	begin(&e);
	do
		r = job_wire_send(e.fds[0], &submit);
	while (r == 0);
	cr_assert_eq(r, -EAGAIN);
	done(&e);
}

Test(job_wire, what_is_too_long_for_a_packet_is_refused)
{
	char *bytes = calloc(1, JOB_PACKET_MAX + 1);
	struct job_packet got;
	struct ends e;

	begin(&e);
	cr_assert_eq(job_wire_send_encoded(e.fds[0], (weir_str){ bytes, JOB_PACKET_MAX + 1 }, -1),
		     0);
	cr_assert_eq(job_wire_receive(e.fds[1], e.buf, &got), -EPROTO);
	free(bytes);
	done(&e);
}
