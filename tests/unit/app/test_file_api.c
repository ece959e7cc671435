/* The public words: what each does is tested with coro/. Here it is that each is itself. */
#include <weir/file.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/test.h>

static char path[] = "/tmp/weir-file-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	(void)close(fd);
}

static void teardown(void)
{
	(void)unlink(path);
}

TestSuite(file_api, .init = setup, .fini = teardown);

static int read_back(weir_file *f)
{
	char text[4] = "";
	struct stat st;
	weir_str line;

	cr_assert_eq(weir_file_pread(f, text, 3, 1), 3);
	cr_assert_eq(memcmp(text, "NE\n", 3), 0);
	cr_assert_eq(weir_file_fstat(f, &st), 0);
	cr_assert_eq(st.st_size, 8);
	cr_assert_eq(lseek(weir_file_fd(f), 0, SEEK_SET), 0);
	cr_assert_eq(weir_file_line(f, 10, &line), 1);
	cr_assert(weir_str_eq(line, WEIR_STR("ONE")));
	cr_assert_eq(weir_file_read(f, text, 2), 2);
	cr_assert_eq(text[0], 't');
	return 0;
}

static int use_all(void *arg)
{
	weir_file *f;
	struct stat st;
	char *bytes;
	size_t len;

	cr_assert_eq(weir_file_open(path, O_RDWR, 0, &f), 0);
	cr_assert_eq(weir_file_write(f, WEIR_STR("one\ntwo\n")), 0);
	cr_assert_eq(weir_file_pwrite(f, WEIR_STR("ONE"), 0), 0);
	cr_assert_eq(weir_file_sync(f), 0);
	cr_assert_eq(read_back(f), 0);
	weir_file_close(f);
	cr_assert_eq(weir_file_stat(path, &st), 0);
	cr_assert_eq(weir_file_load(path, 8, &bytes, &len), 0);
	cr_assert_eq(len, 8);
	cr_assert_eq(bytes[0], 'O');
	free(bytes);
	return 0;
}

Test(file_api, is_for_programs)
{
	cr_assert_eq(weir_run(use_all, NULL), 0);
}

static int handle(weir_req *req)
{
	int r;

	r = use_all(NULL);
	return r < 0 ? r : weir_respond(req, 200, "text/plain", WEIR_STR("ok"));
}

Test(file_api, is_for_handlers_and_their_tests)
{
	cr_assert_eq(weir_test_call(handle, .path = "/")->status, 200);
}

/* The example of the header: the lines of standard input, which somebody types meanwhile. */
static int count_lines(void *arg)
{
	weir_file *in;
	weir_str line;
	int r, n = 0;

	cr_assert_eq(weir_file_attach(0, &in), 0);
	while ((r = weir_file_line(in, 64, &line)) > 0)
		n++;
	weir_file_close(in);
	return r < 0 ? r : n;
}

static int type(void *arg)
{
	int *fd = arg;

	for (int i = 0; i < 3; i++) {
		if (write(*fd, "a line\n", 7) != 7 || weir_sleep(1) < 0)
			return -EIO;
	}
	return close(*fd);
}

static int read_what_is_typed(void *arg)
{
	weir_task *reader;
	int r;

	{
		WEIR_GROUP(g, WEIR_EACH);

		reader = weir_spawn(g, count_lines, NULL);
		(void)weir_spawn(g, type, arg);
		r = weir_join(g);
		if (r == 0)
			r = weir_task_result(reader);
	}
	return r;
}

Test(file_api, awaits_standard_input)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(dup2(fds[0], 0), 0);
	(void)close(fds[0]);
	cr_assert_eq(weir_run(read_what_is_typed, &fds[1]), 3);
	cr_assert_not(fcntl(0, F_GETFL) & O_NONBLOCK);
}
