/* test_static.c - requests for files, on a virtual loop. More of them: tests/e2e/test_static.py. */
#include "app/static.h"

#include "app/mime.h"
#include "app_world.h"
#include "static_files.h"

struct world {
	struct app_world *a;
	struct client *c;
	struct mime *mime;
	struct builtin_settings *settings;
	struct static_spec spec;
};

static void init(struct world *w)
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
					.max_open = 4,
					.mime = w->mime };
	cr_assert_eq(static_new(&w->spec, &w->settings), 0);
	free(dir);
	w->a = app_world_new();
	w->c = client_new(w->a->w);
	app_world_route_for(w->a, "/s/{path...}", ROUTER_METHOD(HTTP_METHOD_GET), static_handler)
		->settings = w->settings;
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
