/* test_job_link.c - a worker's jobs, with a hub that the test plays, and with one that dies. */
#include "daemon/job_link.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/sealed.h"
#include "oom.h"

#define N_CALLS 8

/* A call, and what was said about it. */
#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

struct heard {
	struct job_call call;
	char words[200];
	bool is_over;
	int fd;
};

static struct loop *loop;
static struct log log_;
static int log_fd;
static struct job_link jobs;
static int hub = -1; /* its end of the pipe */
static struct heard calls[N_CALLS];
static char in[JOB_PACKET_MAX];
static char said[4000];
static const char *pool = "slow";

static PRINTF_LIKE(2, 3) void say(struct job_call *call, const char *fmt, ...)
{
	struct heard *h = container_of(call, struct heard, call);
	size_t len = strlen(h->words);
	va_list ap;

	cr_assert_not(h->is_over, "%s", h->words);
	va_start(ap, fmt);
	(void)vsnprintf(h->words + len, sizeof(h->words) - len, fmt, ap);
	va_end(ap);
}

static void on_queued(struct job_call *call)
{
	say(call, "queued ");
}

static void on_started(struct job_call *call)
{
	say(call, "started ");
}

static void on_refused(struct job_call *call, int error)
{
	say(call, "refused:%s ", strerrorname_np(-error));
	container_of(call, struct heard, call)->is_over = true;
}

static void on_progress(struct job_call *call, weir_str report)
{
	say(call, "%.*s ", WEIR_ARG(report));
}

static void on_ended(struct job_call *call, const struct job_end *how)
{
	struct heard *h = container_of(call, struct heard, call);

	say(call, "ended:%s:%d:%.*s ", how->result < 0 ? strerrorname_np(-how->result) : "0",
	    how->status, WEIR_ARG(how->bytes));
	h->is_over = true;
	h->fd = how->take_fd;
}

static const struct job_call_ops ops = { .queued = on_queued,
					 .started = on_started,
					 .refused = on_refused,
					 .progress = on_progress,
					 .ended = on_ended };

static void begin(void)
{
	int ends[2];

	cr_assert_eq(loop_new_virtual(&loop), 0);
	cr_assert_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	log_fd = ends[0];
	log_init(&log_, ends[1], LOG_AT_INFO);
	job_link_init(&jobs, loop, &log_);
}

static void done(void)
{
	job_link_done(&jobs);
	job_link_done(&jobs);
	for (unsigned i = 0; i < N_CALLS; i++)
		cr_assert(!calls[i].call.up || calls[i].is_over, "%u: %s", i, calls[i].words);
	if (hub >= 0)
		(void)close(hub);
	loop = loop_free(loop);
	(void)close(log_fd);
	(void)close(log_.fd);
}

static void turns(void)
{
	for (int i = 0; i < 4; i++)
		loop_turn(loop, false);
}

static void pass(int64_t ms)
{
	int64_t until_ms = loop_now_ms(loop) + ms;

	/* Its timers are all that is there to go on to. */
	while (loop_now_ms(loop) < until_ms && timer_is_active(&jobs.patience))
		loop_turn(loop, true);
}

static const char *log_text(void)
{
	ssize_t n = read(log_fd, said, sizeof(said) - 1);

	said[n > 0 ? n : 0] = '\0';
	return said;
}

static void introduce(void)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
		     0);
	if (hub >= 0)
		(void)close(hub);
	hub = ends[0];
	job_link_connect(&jobs, ends[1]);
	turns();
}

static void kill_hub(void)
{
	(void)close(hub);
	hub = -1;
	turns();
}

static int try_submit(unsigned n, const char *input)
{
	struct heard *h = &calls[n];
	int r;

	*h = (struct heard){ .call = { .up = &ops,
				       .module = WEIR_STR("shop"),
				       .name = WEIR_STR("count"),
				       .pool = weir_strz(pool),
				       .request_id = WEIR_STR("abc-1"),
				       .traceparent = WEIR_STR(TRACEPARENT),
				       .input = weir_strz(input),
				       .input_fd = -1,
				       .priority = 5,
				       .route = 7,
				       .max_run_ms = 100,
				       .deadline_ms = 99999 },
			     .fd = -1 };
	list_init(&h->call.link);
	r = jobs.carrier.ops->submit(&jobs.carrier, &h->call);
	h->is_over = r < 0;
	return r;
}

static void submit(unsigned n, const char *input)
{
	cr_assert_eq(try_submit(n, input), 0);
}

static void cancel(unsigned n)
{
	jobs.carrier.ops->cancel(&jobs.carrier, &calls[n].call);
}

/* The next packet that the hub gets; its number. */
static uint64_t expect(enum job_word word, const char *input)
{
	struct job_packet packet;

	cr_assert_eq(job_wire_receive(hub, in, &packet), 1);
	cr_assert_eq(packet.word, word);
	cr_assert(weir_str_eq(packet.bytes, weir_strz(input)), "%.*s", WEIR_ARG(packet.bytes));
	return packet.id;
}

static void expect_nothing(void)
{
	struct job_packet packet;

	cr_assert_eq(job_wire_receive(hub, in, &packet), -EAGAIN);
}

static void answer(const struct job_packet *packet)
{
	cr_assert_eq(job_wire_send(hub, packet), 0);
	turns();
}

static void answer_word(enum job_word word, uint64_t id, int result)
{
	answer(&(struct job_packet){ .word = word, .id = id, .result = result, .fd = -1 });
}

/* ---- */

Test(job_link, has_the_same_idea_of_what_travels_as_it_is_as_handlers)
{
	cr_assert_eq(JOB_CARRIER_INLINE, JOB_INLINE_MAX);
}

Test(job_link, tells_the_hub_all_about_a_job)
{
	struct job_packet packet;

	begin();
	introduce();
	submit(0, "1000");
	cr_assert_eq(job_wire_receive(hub, in, &packet), 1);
	cr_assert_eq(packet.word, JOB_SUBMIT);
	cr_assert(weir_str_eq(packet.module, WEIR_STR("shop")));
	cr_assert(weir_str_eq(packet.name, WEIR_STR("count")));
	cr_assert(weir_str_eq(packet.pool, WEIR_STR("slow")));
	cr_assert(weir_str_eq(packet.request_id, WEIR_STR("abc-1")));
	cr_assert(weir_str_eq(packet.traceparent, WEIR_STR(TRACEPARENT)));
	cr_assert(weir_str_eq(packet.bytes, WEIR_STR("1000")));
	cr_assert_eq(packet.priority, 5);
	cr_assert_eq(packet.route, 7u);
	cr_assert_eq(packet.max_run_ms, 100);
	cr_assert_eq(packet.deadline_ms, 99999);
	done();
}

Test(job_link, hands_on_what_the_hub_says)
{
	uint64_t id;

	begin();
	introduce();
	submit(0, "");
	id = expect(JOB_SUBMIT, "");
	answer_word(JOB_QUEUED, id, 0);
	answer_word(JOB_STARTED, id, 0);
	answer(&(struct job_packet){
		.word = JOB_PROGRESS, .id = id, .bytes = WEIR_STR("half"), .fd = -1 });
	answer(&(struct job_packet){
		.word = JOB_ENDED, .id = id, .bytes = WEIR_STR("168"), .fd = -1 });
	cr_assert_str_eq(calls[0].words, "queued started half ended:0:0:168 ");
	done();
}

Test(job_link, hands_on_that_a_job_was_refused)
{
	begin();
	introduce();
	submit(0, "");
	answer_word(JOB_REFUSED, expect(JOB_SUBMIT, ""), -EAGAIN);
	cr_assert_str_eq(calls[0].words, "refused:EAGAIN ");
	done();
}

/* Such a name does not fit into a packet; it is not the input that is too large. */
Test(job_link, knows_no_pool_whose_name_is_too_long)
{
	char name[JOB_NAME_MAX + 2];

	begin();
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	pool = name;
	cr_assert_eq(try_submit(0, ""), -ENOENT);
	introduce();
	cr_assert_eq(try_submit(1, ""), -ENOENT);
	name[JOB_NAME_MAX] = '\0';
	submit(2, "");
	answer_word(JOB_REFUSED, expect(JOB_SUBMIT, ""), -ENOENT);
	cr_assert_str_eq(calls[2].words, "refused:ENOENT ");
	done();
}

Test(job_link, hands_on_how_a_process_died)
{
	uint64_t id;

	begin();
	introduce();
	submit(0, "");
	id = expect(JOB_SUBMIT, "");
	answer_word(JOB_STARTED, id, 0);
	answer(&(struct job_packet){
		.word = JOB_ENDED, .id = id, .result = -ECHILD, .status = 11, .fd = -1 });
	cr_assert_str_eq(calls[0].words, "started ended:ECHILD:11: ");
	done();
}

Test(job_link, knows_many_jobs_apart)
{
	uint64_t ids[3];

	begin();
	introduce();
	for (unsigned i = 0; i < 3; i++) {
		submit(i, "x");
		ids[i] = expect(JOB_SUBMIT, "x");
	}
	answer_word(JOB_ENDED, ids[1], -EIO);
	answer_word(JOB_QUEUED, ids[2], 0);
	answer_word(JOB_STARTED, ids[0], 0);
	cr_assert_str_eq(calls[0].words, "started ");
	cr_assert_str_eq(calls[1].words, "ended:EIO:0: ");
	cr_assert_str_eq(calls[2].words, "queued ");
	done();
}

Test(job_link, sends_a_large_input_as_a_descriptor)
{
	struct job_packet packet;
	int fd;

	begin();
	introduce();
	cr_assert_eq(sealed_new(WEIR_STR("large"), &fd), 0);
	calls[0].call = (struct job_call){ .up = &ops,
					   .module = WEIR_STR("shop"),
					   .name = WEIR_STR("count"),
					   .input_fd = fd,
					   .input_len = 5,
					   .deadline_ms = INT64_MAX };
	list_init(&calls[0].call.link);
	cr_assert_eq(jobs.carrier.ops->submit(&jobs.carrier, &calls[0].call), 0);
	cr_assert_eq(job_wire_receive(hub, in, &packet), 1);
	cr_assert_geq(packet.fd, 0);
	cr_assert_eq(packet.fd_len, 5u);
	(void)close(packet.fd);
	/* It is still there for the next hub. */
	introduce();
	cr_assert_eq(job_wire_receive(hub, in, &packet), 1);
	cr_assert_eq(packet.fd_len, 5u);
	(void)close(packet.fd);
	done();
	(void)close(fd);
}

Test(job_link, hands_on_the_descriptor_of_a_large_result)
{
	uint64_t id;
	int fd;

	begin();
	introduce();
	submit(0, "");
	id = expect(JOB_SUBMIT, "");
	cr_assert_eq(sealed_new(WEIR_STR("large"), &fd), 0);
	answer(&(struct job_packet){ .word = JOB_ENDED, .id = id, .fd = fd, .fd_len = 5 });
	cr_assert_str_eq(calls[0].words, "ended:0:0: ");
	cr_assert_geq(calls[0].fd, 0);
	(void)close(calls[0].fd);
	(void)close(fd);
	done();
}

Test(job_link, says_when_a_descriptor_was_lost_on_the_way)
{
	uint64_t id;

	begin();
	introduce();
	submit(0, "");
	id = expect(JOB_SUBMIT, "");
	answer(&(struct job_packet){ .word = JOB_ENDED, .id = id, .fd = -1, .fd_len = 5 });
	cr_assert_str_eq(calls[0].words, "ended:EMFILE:0: ");
	done();
}

/* ---- cancelling */

Test(job_link, asks_the_hub_to_cancel)
{
	uint64_t id;

	begin();
	introduce();
	submit(0, "x");
	id = expect(JOB_SUBMIT, "x");
	cancel(0);
	cr_assert_eq(expect(JOB_CANCEL, ""), id);
	cr_assert_str_eq(calls[0].words, "");
	answer_word(JOB_ENDED, id, -ECANCELED);
	cr_assert_str_eq(calls[0].words, "ended:ECANCELED:0: ");
	done();
}

Test(job_link, ends_what_is_cancelled_without_a_hub)
{
	begin();
	submit(0, "x");
	cancel(0);
	cr_assert_str_eq(calls[0].words, "");
	turns();
	cr_assert_str_eq(calls[0].words, "ended:ECANCELED:0: ");
	introduce();
	expect_nothing();
	done();
}

/* ---- hubs that die */

Test(job_link, waits_for_the_first_hub)
{
	begin();
	submit(0, "a");
	submit(1, "b");
	introduce();
	(void)expect(JOB_SUBMIT, "a");
	(void)expect(JOB_SUBMIT, "b");
	expect_nothing();
	done();
}

Test(job_link, gives_what_was_not_started_to_the_next_hub_and_fails_the_rest)
{
	uint64_t ids[4];

	begin();
	introduce();
	for (unsigned i = 0; i < 4; i++) {
		submit(i, "x");
		ids[i] = expect(JOB_SUBMIT, "x");
	}
	answer_word(JOB_STARTED, ids[0], 0);
	answer_word(JOB_QUEUED, ids[1], 0);
	answer_word(JOB_ENDED, ids[2], 0);
	kill_hub();
	cr_assert_str_eq(calls[0].words, "started ended:ECHILD:-1: ");
	cr_assert_str_eq(calls[1].words, "queued ");
	cr_assert_not_null(strstr(log_text(), "the hub is gone, and 1 jobs that ran with it"), "%s",
			   said);
	introduce();
	cr_assert_eq(expect(JOB_SUBMIT, "x"), ids[1]);
	cr_assert_eq(expect(JOB_SUBMIT, "x"), ids[3]);
	expect_nothing();
	done();
}

/* Else it would run twice: in the process that has it, and where the next hub gives it to. */
Test(job_link, hears_the_last_words_of_a_hub_before_it_speaks_to_the_next)
{
	struct job_packet started = { .word = JOB_STARTED, .fd = -1 };
	int ends[2];

	begin();
	introduce();
	submit(0, "x");
	started.id = expect(JOB_SUBMIT, "x");
	submit(1, "never read"); /* so that its death is a reset */
	cr_assert_eq(job_wire_send(hub, &started), 0);
	(void)close(hub);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
		     0);
	hub = ends[0];
	job_link_connect(&jobs, ends[1]);
	cr_assert_str_eq(calls[0].words, "started ended:ECHILD:-1: ");
	(void)expect(JOB_SUBMIT, "never read");
	expect_nothing();
	done();
}

Test(job_link, does_not_submit_again_what_was_cancelled)
{
	begin();
	introduce();
	submit(0, "x");
	(void)expect(JOB_SUBMIT, "x");
	cancel(0);
	kill_hub();
	cr_assert_str_eq(calls[0].words, "ended:ECANCELED:0: ");
	introduce();
	expect_nothing();
	done();
}

Test(job_link, refuses_when_no_hub_has_come_for_two_seconds)
{
	begin();
	submit(0, "x");
	pass(JOB_LINK_PATIENCE_MS);
	turns();
	cr_assert_str_eq(calls[0].words, "refused:EAGAIN ");
	cr_assert_not_null(strstr(log_text(), "there is no hub: 1 jobs are refused"), "%s", said);
	submit(1, "y");
	introduce();
	(void)expect(JOB_SUBMIT, "y");
	cr_assert_not(timer_is_active(&jobs.patience));
	done();
}

Test(job_link, lets_only_so_many_wait_for_a_hub)
{
	static struct heard many[JOB_LINK_WAITING_MAX];

	begin();
	for (unsigned i = 0; i < JOB_LINK_WAITING_MAX; i++) {
		many[i] = (struct heard){ .call = { .up = &ops, .input_fd = -1 }, .fd = -1 };
		list_init(&many[i].call.link);
		cr_assert_eq(jobs.carrier.ops->submit(&jobs.carrier, &many[i].call), 0);
	}
	cr_assert_eq(try_submit(0, "x"), -EAGAIN);
	job_link_done(&jobs);
	cr_assert_str_eq(many[0].words, "ended:ECANCELED:0: ");
	calls[0].call.up = NULL;
	done();
}

/* ---- hubs that are out of order */

Test(job_link, ignores_what_is_said_about_no_job)
{
	begin();
	introduce();
	submit(0, "x");
	(void)expect(JOB_SUBMIT, "x");
	answer_word(JOB_ENDED, 77, 0);
	answer_word(JOB_IDLE, 1, 0);
	cr_assert_str_eq(calls[0].words, "");
	cr_assert_not_null(strstr(log_text(), "the hub says word"), "%s", said);
	cr_assert(job_pipe_is_open(&jobs.pipe));
	done();
}

Test(job_link, closes_its_pipe_when_it_hears_garbage)
{
	begin();
	introduce();
	submit(0, "x");
	cr_assert_eq(send(hub, "garbage", 7, 0), 7);
	turns();
	cr_assert_not(job_pipe_is_open(&jobs.pipe));
	cr_assert_not_null(strstr(log_text(), "the pipe to the hub for jobs is closed"), "%s",
			   said);
	introduce();
	(void)expect(JOB_SUBMIT, "x");
	done();
}

Test(job_link, refuses_when_the_hub_takes_nothing)
{
	static char large[JOB_INLINE_MAX + 1];
	int r = 0;

	begin();
	introduce();
	memset(large, 'x', JOB_INLINE_MAX);
	for (int i = 0; i < 1000 && r == 0; i++) {
		calls[0].is_over = true;
		r = try_submit(0, large);
		if (r < 0)
			break;
		/* Only its bytes are of interest: nobody hears of it any more. */
		jobs.slots[calls[0].call.number % JOB_LINK_SLOTS] = NULL;
		list_del(&calls[0].call.link);
	}
	cr_assert_eq(r, -EAGAIN);
	calls[0].call.up = NULL;
	done();
}

Test(job_link, survives_every_failure_to_allocate)
{
	bool failed = true;
	unsigned n;

	begin();
	for (n = 1; failed && n < 20; n++) {
		oom_fail_at(n);
		introduce();
		if (try_submit(0, "x") >= 0) {
			introduce();
			cancel(0);
		}
		failed = oom_has_failed();
		kill_hub();
		pass(JOB_LINK_PATIENCE_MS);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 1);
	done();
}
