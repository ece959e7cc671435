/* test_static.c - requests for files, on a virtual loop. More of them: tests/e2e/test_static.py. */
#include "app/static.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "app/mime.h"
#include "app_world.h"
#include "oom.h"
#include "static_files.h"

struct world {
	struct app_world *a;
	struct client *c;
	struct mime *mime;
	struct builtin_settings *settings;
	struct static_spec spec;
};

static struct {
	unsigned at;
	bool has_failed;
} oom;

static int static_without_memory(weir_req *req)
{
	int r;

	oom_fail_at(oom.at);
	r = static_handler(req);
	oom.has_failed = oom_has_failed();
	return r;
}

/* max_open 0: with all that it can do besides. */
static void init_for(struct world *w, unsigned max_open)
{
	static const weir_str index = { "b.html", 6 };
	char *dir;

	*w = (struct world){ .mime = NULL };
	static_files_make();
	dir = get_current_dir_name();
	cr_assert_eq(mime_load("/nowhere", &w->mime), 0);
	w->spec = (struct static_spec){ .root = dir,
					.symlinks = STATIC_SYMLINKS_BENEATH,
					.index = &index,
					.n_index = 1,
					.is_precompressed = max_open == 0,
					.has_listings = max_open == 0,
					.max_open = max_open,
					.mime = w->mime };
	cr_assert_eq(static_new(&w->spec, &w->settings), 0);
	free(dir);
	w->a = app_world_new();
	w->c = client_new(w->a->w);
	app_world_route_for(w->a, "/s/{path...}", ROUTER_METHOD(HTTP_METHOD_GET),
			    static_without_memory)
		->settings = w->settings;
}

static void init(struct world *w)
{
	init_for(w, 4);
}

static void done(struct world *w)
{
	app_world_free(w->a);
	(void)builtin_settings_free(w->settings);
	(void)mime_free(w->mime);
	static_files_remove();
}

static bool answers(struct world *w, const char *target, const char *status)
{
	(void)app_world_get(w->a, w->c, target);
	/* What the kernel does not have in memory, such as that a file is not there, a thread asks. */
	h1_world_pass(w->a->w, 1);
	return !strncmp(client_text(w->c), status, strlen(status));
}

Test(static, serves_a_file_and_the_index)
{
	struct world w;

	init(&w);
	cr_expect(answers(&w, "/s/a.txt", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n"));
	cr_expect(strstr(client_text(w.c), "\r\n\r\nhello\n"));
	cr_expect(answers(&w, "/s/sub/", "HTTP/1.1 200 "));
	cr_expect(answers(&w, "/s/sub", "HTTP/1.1 301 "));
	cr_expect(strstr(client_text(w.c), "\r\nlocation: /s/sub/\r\n"));
	cr_expect(answers(&w, "/s/", "HTTP/1.1 404 "));
	cr_expect(answers(&w, "/s/out", "HTTP/1.1 404 "));
	cr_expect(answers(&w, "/s/.hidden", "HTTP/1.1 404 "));
	cr_expect(answers(&w, "/s/..%2fsecret", "HTTP/1.1 404 "));
	done(&w);
}

Test(static, believes_what_it_saw_a_moment_ago)
{
	struct world w;

	init(&w);
	cr_expect(answers(&w, "/s/a.txt", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n"));
	static_files_write("a.txt", "more");
	cr_expect(answers(&w, "/s/a.txt", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n"));
	h1_world_pass(w.a->w, 1001);
	cr_expect(answers(&w, "/s/a.txt", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n"));
	cr_assert_eq(unlink("a.txt"), 0);
	h1_world_pass(w.a->w, 1001);
	cr_expect(answers(&w, "/s/a.txt", "HTTP/1.1 404 "));
	done(&w);
}

Test(static, needs_its_root)
{
	struct static_spec spec = { .root = "/nowhere" };
	struct builtin_settings *settings = NULL;

	cr_expect_eq(static_new(&spec, &settings), -ENOENT);
	cr_expect_null(settings);
}

struct request {
	char target[16], fields[64], status[16];
};

ParameterizedTestParameters(static, survives_when_any_allocation_fails)
{
	static struct request rows[] = {
		{ "/s/a.txt", "", "HTTP/1.1 200 " },
		{ "/s/a.txt", "Accept-Encoding: gzip\r\n", "HTTP/1.1 200 " },
		{ "/s/a.txt", "If-None-Match: *\r\n", "HTTP/1.1 304 " },
		{ "/s/large", "", "HTTP/1.1 200 " },
		{ "/s/large", "Range: bytes=7-9\r\n", "HTTP/1.1 206 " },
		{ "/s/large", "Range: bytes=0-1,2000-2001\r\n", "HTTP/1.1 206 " },
		{ "/s/large", "Range: bytes=50000-\r\n", "HTTP/1.1 416 " },
		{ "/s/sub", "", "HTTP/1.1 301 " },
		{ "/s/sub/", "", "HTTP/1.1 200 " },
		{ "/s/", "", "HTTP/1.1 200 " },
		{ "/s/none", "", "HTTP/1.1 404 " },
	};

	return cr_make_param_array(struct request, rows, sizeof(rows) / sizeof(*rows));
}

/* On a connection of its own: an answer that was begun and broken off ends it. */
static bool is_answered(struct world *w, const struct request *row, const char *status)
{
	struct client *c = client_new(w->a->w);
	char text[160];

	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", row->target,
		       row->fields);
	client_send(c, text);
	h1_world_pass(w->a->w, 1);
	return !strncmp(client_text(c), status, strlen(status));
}

ParameterizedTest(struct request *row, static, survives_when_any_allocation_fails)
{
	struct world w;

	init_for(&w, 0);
	static_files_write("a.txt.gz", "not really");
	static_files_write_large("large", 50000);
	oom.has_failed = true;
	for (unsigned n = 1; oom.has_failed; n++) {
		oom.at = n;
		(void)is_answered(&w, row, "");
		cr_assert_lt(n, 200);
	}
	oom.at = 0;
	cr_expect(is_answered(&w, row, row->status), "%s", row->target);
	done(&w);
}
