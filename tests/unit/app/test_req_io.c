/* test_req_io.c - a handler's calls that may have to wait for its client. */
#include "app/req_io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <weir/http.h>

#include "app/req.h"
#include "app_world.h"

#define GET "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"

static int seen, seen_too;
static bool is_done;

/* More than any socket takes at once. */
static char plenty[4 << 20];

static int pour(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	if (r == 0)
		r = weir_write(req, (weir_str){ plenty, sizeof(plenty) });
	seen = r;
	is_done = true;
	return r;
}

static struct client *ask(struct app_world *a, weir_handler *fn)
{
	struct client *c = client_new_tcp(a->w);

	app_world_route(a, "/x", fn);
	client_send(c, GET);
	return c;
}

/* Reads until the server has closed or nothing more comes. */
static size_t drink(struct client *c)
{
	size_t n = 0, got;

	for (int idle = 0; idle < 3; idle = got ? 0 : idle + 1) {
		h1_world_settle(c->world);
		got = client_sip(c, SIZE_MAX);
		n += got;
	}
	return n;
}

Test(req_io, waits_until_the_client_has_taken_it)
{
	struct app_world *a = app_world_new();
	struct client *c = ask(a, pour);

	for (int i = 0; i < 10; i++)
		h1_world_settle(a->w);
	cr_assert_not(is_done);
	cr_assert_gt(drink(c), sizeof(plenty));
	cr_assert(is_done);
	cr_assert_eq(seen, 0);
	app_world_free(a);
}

Test(req_io, stops_waiting_when_the_client_has_gone)
{
	struct app_world *a = app_world_new();

	client_reset(ask(a, pour));
	h1_world_settle(a->w);
	cr_assert(is_done);
	cr_assert_eq(seen, -ECANCELED);
	app_world_free(a);
}

Test(req_io, stops_waiting_when_the_client_takes_nothing)
{
	struct app_world *a = app_world_new();

	(void)ask(a, pour);
	h1_world_pass(a->w, 30001);
	cr_assert(is_done);
	cr_assert_eq(seen, -ECANCELED);
	app_world_free(a);
}

static int pour_in_time(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	if (r < 0)
		return r;
	seen = weir_within(100, weir_write(req, (weir_str){ plenty, sizeof(plenty) }));
	seen_too = weir_write(req, WEIR_STR("and more"));
	is_done = true;
	return 0;
}

Test(req_io, has_cut_the_answer_when_a_deadline_ended_a_write)
{
	struct app_world *a = app_world_new();
	struct client *c = ask(a, pour_in_time);

	h1_world_pass(a->w, 101);
	cr_assert(is_done);
	cr_assert_eq(seen, -ETIMEDOUT);
	cr_assert_eq(seen_too, -EPIPE);
	cr_assert_lt(drink(c), sizeof(plenty));
	cr_assert(c->has_ended);
	app_world_free(a);
}

/* One byte is taken or it is not. */
static int fill_then_wait(weir_req *req)
{
	struct req *inner = req_of(req);
	int r;

	r = weir_start(req, 200, NULL);
	while (r == 0)
		r = weir_within(10, weir_write(req, WEIR_STR(".")));
	seen = r;
	seen_too = (int)inner->ex->phase;
	r = weir_write(req, WEIR_STR("!"));
	is_done = true;
	return r;
}

Test(req_io, may_write_again_when_nothing_was_taken)
{
	struct app_world *a = app_world_new();
	struct client *c = ask(a, fill_then_wait);

	for (int i = 0; i < 10; i++)
		h1_world_settle(a->w);
	h1_world_pass(a->w, 20);
	cr_assert_eq(seen, -ETIMEDOUT);
	cr_assert_eq(seen_too, EXCHANGE_STARTED);
	(void)drink(c);
	cr_assert(is_done);
	cr_assert_eq(memcmp(c->bytes.data + c->bytes.len - 11, "1\r\n!\r\n0\r\n\r\n", 11), 0);
	app_world_free(a);
}

/* ---- several tasks */

static int write_a(void *arg)
{
	return weir_write(arg, (weir_str){ plenty, 100000 });
}

static int write_b(void *arg)
{
	return weir_write(arg, WEIR_STR("BBBB"));
}

static int two_writers(weir_req *req)
{
	int r;

	WEIR_GROUP(g, WEIR_ALL);
	r = weir_set_header(req, "content-length", WEIR_STR("100004"));
	if (r == 0)
		r = weir_start(req, 200, NULL);
	if (r < 0)
		return r;
	(void)weir_spawn(g, write_a, req);
	(void)weir_spawn(g, write_b, req);
	seen = weir_join(g);
	is_done = true;
	return seen;
}

Test(req_io, lets_tasks_send_one_after_the_other)
{
	struct app_world *a = app_world_new();
	struct client *c;

	memset(plenty, 'a', sizeof(plenty));
	c = ask(a, two_writers);
	(void)drink(c);
	cr_assert(is_done);
	cr_assert_eq(seen, 0);
	cr_assert_eq(memcmp(c->bytes.data + c->bytes.len - 5, "aBBBB", 5), 0);
	app_world_free(a);
}

static int read_one(void *arg)
{
	weir_str piece;

	return weir_body_next(arg, &piece);
}

static int two_readers(weir_req *req)
{
	weir_task *first, *second;

	WEIR_GROUP(g, WEIR_EACH);
	first = weir_spawn(g, read_one, req);
	second = weir_spawn(g, read_one, req);
	cr_assert_eq(weir_join(g), 0);
	seen = weir_task_result(first);
	seen_too = weir_task_result(second);
	return weir_respond(req, 200, NULL, WEIR_STR(""));
}

Test(req_io, lets_one_task_receive)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", two_readers);
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
	client_send(c, "ab");
	cr_assert_eq(seen, 1);
	cr_assert_eq(seen_too, -EBUSY);
	app_world_free(a);
}

/* ---- interim answers, files */

static int hint_a_lot(weir_req *req)
{
	int r = 0;

	for (int i = 0; i < 100000 && r == 0; i++)
		r = weir_interim(req, 102, NULL, 0);
	seen = r;
	is_done = true;
	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("done"));
}

Test(req_io, waits_with_interim_answers_too)
{
	struct app_world *a = app_world_new();
	struct client *c = ask(a, hint_a_lot);

	for (int i = 0; i < 10; i++)
		h1_world_settle(a->w);
	cr_assert_not(is_done);
	(void)drink(c);
	cr_assert(is_done);
	cr_assert_eq(seen, 0);
	cr_assert_eq(memcmp(c->bytes.data + c->bytes.len - 4, "done", 4), 0);
	app_world_free(a);
}

static int file_fd;

static int send_file(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	if (r == 0)
		r = weir_sendfile(req, file_fd, 2, 3000000);
	if (r == 0)
		r = weir_sendfile(req, file_fd, 0, 2);
	seen = r;
	is_done = true;
	return r;
}

static void make_file(size_t len)
{
	file_fd = memfd_create("file", MFD_CLOEXEC);
	cr_assert_eq(write(file_fd, "0123456789", 10), 10);
	cr_assert_eq(ftruncate(file_fd, (off_t)len), 0);
}

Test(req_io, sends_files_and_waits_for_them)
{
	struct app_world *a = app_world_new();
	struct client *c;
	size_t n;

	make_file(4000000);
	c = ask(a, send_file);
	cr_assert_not(is_done);
	n = drink(c);
	cr_assert(is_done);
	cr_assert_eq(seen, 0);
	cr_assert_gt(n, 3000002);
	cr_assert_eq(memcmp(c->bytes.data + c->bytes.len - 12, "2\r\n01\r\n0\r\n\r\n", 12), 0);
	(void)close(file_fd);
	app_world_free(a);
}

static int send_file_in_time(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	if (r < 0)
		return r;
	seen = weir_within(100, weir_sendfile(req, file_fd, 0, 100000000));
	is_done = true;
	(void)close(file_fd);
	return weir_sleep(100000);
}

Test(req_io, sends_nothing_of_a_file_whose_deadline_has_passed)
{
	struct app_world *a = app_world_new();
	struct client *c;
	size_t n;
	int other;

	make_file(100000000);
	c = ask(a, send_file_in_time);
	h1_world_pass(a->w, 101);
	cr_assert(is_done);
	cr_assert_eq(seen, -ETIMEDOUT);

	/* A file nobody sends takes the descriptor's number. */
	other = memfd_create("secret", MFD_CLOEXEC);
	cr_assert_eq(other, file_fd);
	cr_assert_eq(ftruncate(other, 100000000), 0);
	n = drink(c);
	cr_assert_lt(n, 16u << 20);
	(void)close(other);
	app_world_free(a);
}

static int out_of_order(weir_req *req)
{
	seen = weir_write(req, WEIR_STR("too early"));
	seen_too = weir_respond(req, 200, NULL, WEIR_STR(""));
	return weir_respond(req, 200, NULL, WEIR_STR("twice")) == -EPROTO ? 0 : -EIO;
}

Test(req_io, refuses_calls_out_of_order)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", out_of_order);
	cr_assert_str_eq(app_world_ask(a, "/x"), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
	cr_assert_eq(seen, -EPROTO);
	cr_assert_eq(seen_too, 0);
	cr_assert_str_eq(h1_world_log(a->w), "");
	app_world_free(a);
}

static int too_long(weir_req *req)
{
	int r;

	r = weir_set_header(req, "Content-Length", WEIR_STR("3"));
	if (r == 0)
		r = weir_start(req, 200, NULL);
	if (r == 0)
		seen = weir_write(req, WEIR_STR("four"));
	return r < 0 ? r : weir_write(req, WEIR_STR("one"));
}

Test(req_io, refuses_more_than_was_promised)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", too_long);
	cr_assert_str_eq(app_world_ask(a, "/x"), "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none");
	cr_assert_eq(seen, -EMSGSIZE);
	app_world_free(a);
}
