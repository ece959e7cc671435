/* test_worker_ctl.c - what a worker answers, asked by a test that has the other end of its pipe. */
#include "daemon/worker_ctl.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/coro.h>

#include "app_world.h"
#include "base/buf.h"
#include "base/log.h"
#include "daemon/crash_note.h"
#include "daemon/ctl_request.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_wire.h"

static struct app_world *a;
static struct worker_ctl ctl;
static struct log logger;
static struct buf got;
static int pipe_fd;

static int wait_long(weir_req *req)
{
	return weir_sleep(60000);
}

static void begin(void)
{
	int ends[2];

	a = app_world_new();
	app_world_route(a, "/wait", wait_long);
	log_init(&logger, 2, LOG_AT_ERROR);
	buf_init(&got, 0);
	cr_assert_eq(ipc_pair(ends), 0);
	worker_ctl_init(&ctl, a->w->loop, &logger, 1);
	worker_ctl_serve(&ctl, &(struct worker_ctl_view){ a->sched, &a->w->server, &a->site });
	worker_ctl_meet(&ctl, ends[0]);
	pipe_fd = ends[1];
}

static void end(void)
{
	worker_ctl_done(&ctl);
	buf_done(&got);
	app_world_free(a);
}

static weir_str ask(enum ctl_word word, uint32_t value)
{
	struct ipc_message message;

	buf_clear(&got);
	cr_assert_eq(ctl_wire_ask(pipe_fd, word, 77, value), 0);
	h1_world_settle(a->w);
	cr_assert_eq(ctl_wire_receive(pipe_fd, &message), 1);
	cr_assert_eq(message.type, CTL_ANSWER);
	cr_assert_eq(message.number, 77);
	cr_assert_eq(ctl_wire_bytes(&message, &got), 0);
	return buf_str(&got);
}

/* Of the first row, in the answer. */
static uint32_t first_tag(weir_str answer)
{
	struct ctl_request request;
	const char *words;
	char line[32];

	cr_assert_gt(answer.len, 12);
	(void)snprintf(line, sizeof(line), "kill %.10s", answer.ptr + 2);
	cr_assert_eq(ctl_request_parse(weir_strz(line), &request, &words), 0, "%s", line);
	cr_assert_eq(request.id.slot, 1);
	return request.id.tag;
}

Test(worker_ctl, counts, .init = begin, .fini = end)
{
	weir_str answer;

	client_send(client_new(a->w), "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = ask(CTL_ASK_COUNTS, 0);
	cr_assert_gt(answer.len, 6);
	cr_assert_eq(memcmp(answer.ptr, "\t1\t0\t1\t", 7), 0, "%.*s", WEIR_ARG(answer));
	h1_world_pass(a->w, 60000);
}

Test(worker_ctl, looks_at_a_task_and_ends_it, .init = begin, .fini = end)
{
	uint32_t tag;

	client_send(client_new(a->w), "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	tag = first_tag(ask(CTL_ASK_TASKS, 0));
	cr_assert_eq(ask(CTL_ASK_BACKTRACE, tag + 1).len, 0);
	cr_assert_eq(ask(CTL_ASK_BACKTRACE, tag).len, sizeof(struct crash_note));
	cr_assert_eq(ask(CTL_ASK_KILL, tag + 1).len, 0);
	cr_assert(weir_str_eq(ask(CTL_ASK_KILL, tag), WEIR_STR("cancelled: test")) || got.len > 11);
	cr_assert_eq(sched_n_tasks(a->sched), 0);
	cr_assert_eq(ask(CTL_ASK_TASKS, 0).len, 0);
}

Test(worker_ctl, closes_a_connection, .init = begin, .fini = end)
{
	(void)client_new(a->w);
	cr_assert(weir_str_eq(ask(CTL_ASK_KILL, first_tag(ask(CTL_ASK_CONNS, 0))),
			      WEIR_STR("closed")));
	cr_assert_eq(ask(CTL_ASK_CONNS, 0).len, 0);
}

Test(worker_ctl, sets_the_level_of_its_log, .init = begin, .fini = end)
{
	cr_assert_eq(ask(CTL_ASK_LEVEL, LOG_AT_DEBUG).len, 0);
	cr_assert_eq(logger.level, LOG_AT_DEBUG);
}

Test(worker_ctl, says_nothing_of_what_is_not_there, .init = begin, .fini = end)
{
	worker_ctl_serve(&ctl, NULL);
	cr_assert_eq(ask(CTL_ASK_COUNTS, 0).len, 0);
	cr_assert_eq(ask(CTL_ASK_KILL, 1).len, 0);
}

Test(worker_ctl, hears_no_more_of_who_talks_nonsense, .init = begin, .fini = end)
{
	struct ipc_message message;

	cr_assert_eq(ctl_wire_answer(pipe_fd, 1, WEIR_STR("what?")), 0);
	h1_world_settle(a->w);
	cr_assert_eq(ctl_wire_receive(pipe_fd, &message), 0);
	cr_assert_lt(ctl.fd, 0);
}
