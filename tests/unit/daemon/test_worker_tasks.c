/* test_worker_tasks.c - handlers that wait, on a virtual loop, and what can be seen of them. */
#include "daemon/worker_tasks.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/coro.h>

#include "app_world.h"
#include "base/buf.h"
#include "coro/task.h"
#include "daemon/crash_note.h"
#include "daemon/ctl_request.h"
#include "daemon/ctl_text.h"

static struct app_world *a;
static struct buf out;

static int wait_long(weir_req *req)
{
	return weir_sleep(60000);
}

static void begin(void)
{
	a = app_world_new();
	buf_init(&out, 0);
	app_world_route(a, "/wait/{n}", wait_long);
}

static void end(void)
{
	buf_done(&out);
	app_world_free(a);
}

static void ask(const char *request)
{
	client_send(client_new(a->w), request);
}

/* The n-th cell of the only row. */
static weir_str cell(unsigned n)
{
	weir_str rest = buf_str(&out), row, found = { "", 0 };

	cr_assert(ctl_text_line(&rest, &row));
	for (unsigned i = 0; i <= n + 1; i++) {
		const char *end = memchr(row.ptr, '\t', row.len);

		found = (weir_str){ row.ptr, end ? (size_t)(end - row.ptr) : row.len };
		row.len -= found.len + (end != NULL);
		row.ptr += found.len + (end != NULL);
	}
	return found;
}

static void expect_cell(unsigned n, const char *expected)
{
	weir_str found = cell(n);

	cr_expect(weir_str_eq(found, weir_strz(expected)), "%u: %.*s", n, WEIR_ARG(found));
}

Test(worker_tasks, tells_whose_each_is_and_what_it_awaits, .init = begin, .fini = end)
{
	cr_assert_eq(worker_tasks_write(a->sched, 3, &out), 0);
	cr_assert_eq(out.len, 0);
	ask("GET /wait/a%09b HTTP/1.1\r\nHost: x\r\n\r\n");
	h1_world_pass(a->w, 1500);
	cr_assert_eq(worker_tasks_write(a->sched, 3, &out), 0);
	cr_expect_eq(cell(0).ptr[0], '3');
	expect_cell(1, a->routes[0].name);
	expect_cell(2, "GET /wait/a%09b");
	expect_cell(3, "");
#if !defined(SWITCH_ASAN) /* whose frames are longer than what is looked at */
	expect_cell(4, "weir_sleep");
#endif
	expect_cell(5, "1500");
	cr_expect_eq(cell(7).len, 16);
	h1_world_pass(a->w, 60000);
}

Test(worker_tasks, finds_each_by_its_tag_and_no_other, .init = begin, .fini = end)
{
	struct ctl_request request;
	const char *words;
	struct task *task;
	char line[64];

	ask("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(worker_tasks_write(a->sched, 0, &out), 0);
	(void)snprintf(line, sizeof(line), "bt %.*s", WEIR_ARG(cell(0)));
	cr_assert_eq(ctl_request_parse(weir_strz(line), &request, &words), 0, "%s", line);
	task = worker_tasks_find(a->sched, request.id.tag);
	cr_assert_not_null(task);
	cr_assert_null(worker_tasks_find(a->sched, request.id.tag + 1));
	task_cancel(task, REASON_EXPLICIT);
	h1_world_settle(a->w);
	cr_assert_null(worker_tasks_find(a->sched, request.id.tag));
	/* The next one has the same stack, and is another. */
	ask("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_null(worker_tasks_find(a->sched, request.id.tag));
	h1_world_pass(a->w, 60000);
}

Test(worker_tasks, notes_where_one_waits, .init = begin, .fini = end)
{
	struct crash_note *note = calloc(1, sizeof(*note));
	struct task *task;
	int r;

	ask("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n");
	task = a->sched->stacks.slabs.next != &a->sched->stacks.slabs
		       ? list_entry(a->sched->parked.next, struct task, ready.link)
		       : NULL;
	cr_assert_not_null(task);
	r = worker_tasks_note(a->sched, task, note);
	if (r == 0) {
		cr_expect_eq(atomic_load(&note->stall.state), CRASH_WHOLE);
		cr_expect_gt(note->stall.n_frames, 2);
		cr_expect_gt(note->stall.stack_len, 100);
		cr_expect_str_eq(note->stall.culprit.target, "GET /wait/1");
	} else {
		cr_expect_eq(r, -ENOTSUP);
	}
	free(note);
	h1_world_pass(a->w, 60000);
}

Test(worker_tasks, leaves_out_what_there_is_no_room_for, .init = begin, .fini = end)
{
	for (int i = 0; i < 10; i++)
		ask("GET /wait/1 HTTP/1.1\r\nHost: x\r\n\r\n");
	out.limit = 250;
	cr_assert_eq(worker_tasks_write(a->sched, 0, &out), -EMSGSIZE);
	cr_assert_eq(out.data[out.len - 1], '\n');
	h1_world_pass(a->w, 60000);
}
