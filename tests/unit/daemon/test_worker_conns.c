/* test_worker_conns.c - connections of a real server on a virtual loop, and what can be seen of them. */
#include "daemon/worker_conns.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "daemon/ctl_request.h"
#include "h1_world.h"

static struct h1_world *w;
static struct buf out;

static void begin(void)
{
	w = h1_world_new();
	buf_init(&out, 0);
}

static void end(void)
{
	buf_done(&out);
	h1_world_free(w);
}

static const char *rows(void)
{
	buf_clear(&out);
	cr_assert_eq(worker_conns_write(&w->server, 2, &out), 0);
	cr_assert_eq(buf_append(&out, "", 1), 0);
	return out.data;
}

static uint32_t first_tag(void)
{
	struct ctl_request request;
	const char *words;
	char line[32];

	(void)snprintf(line, sizeof(line), "kill %.10s", rows() + 2);
	cr_assert_eq(ctl_request_parse(weir_strz(line), &request, &words), 0, "%s", line);
	return request.id.tag;
}

Test(worker_conns, tells_what_each_is_doing, .init = begin, .fini = end)
{
	struct client *c = client_new(w);

	cr_assert_not_null(strstr(rows(), "\thttp/1.1\tidle\t\t\t0\n"), "%s", rows());
	cr_assert_eq(strncmp(rows(), "R\t2-", 4), 0);
	client_send(c, "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n");
	h1_world_pass(w, 700);
	cr_assert_not_null(strstr(rows(), "\tanswer\tGET /a?b\t700\t0\n"), "%s", rows());
	exchange_abort(w->visits[0].ex);
	exchange_finish(w->visits[0].ex);
	w->visits[0].ex = NULL;
}

Test(worker_conns, closes_the_one_that_is_meant, .init = begin, .fini = end)
{
	uint32_t tag;

	(void)client_new(w);
	tag = first_tag();
	cr_assert_not(worker_conns_kill(&w->server, tag + 1));
	cr_assert_eq(w->server.n_conns, 1);
	cr_assert(worker_conns_kill(&w->server, tag));
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, 0);
	cr_assert_str_eq(rows(), "");
	cr_assert_not(worker_conns_kill(&w->server, tag));
}

Test(worker_conns, leaves_out_what_there_is_no_room_for, .init = begin, .fini = end)
{
	for (int i = 0; i < 10; i++)
		(void)client_new(w);
	out.limit = 200;
	cr_assert_eq(worker_conns_write(&w->server, 0, &out), -EMSGSIZE);
	cr_assert_eq(out.data[out.len - 1], '\n');
}
