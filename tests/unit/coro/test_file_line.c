#include "coro/file_line.h"

#include "coro/deadline.h"
#include "file_world.h"
#include "oom.h"

static struct file_world fw;
static int fds[2];

static void setup(void)
{
	file_world_open(&fw);
	cr_assert_eq(pipe(fds), 0);
}

static void teardown(void)
{
	(void)close(fds[0]);
	if (fds[1] >= 0)
		(void)close(fds[1]);
	file_world_close(&fw);
}

TestSuite(file_line, .init = setup, .fini = teardown);

/* All that is said of the file: lines in brackets, errors by letters. */
struct reading {
	struct file *f;
	size_t max;
	char text[512];
	size_t len;
};

static void note(struct reading *reading, weir_str s)
{
	if (reading->len + s.len < sizeof(reading->text)) {
		memcpy(reading->text + reading->len, s.ptr, s.len);
		reading->len += s.len;
	}
}

static int read_all(void *arg)
{
	struct reading *reading = arg;
	weir_str line;
	int r;

	while ((r = file_line(reading->f, reading->max, &line)) != 0) {
		if (r == -EMSGSIZE) {
			note(reading, WEIR_STR("<long>"));
			continue;
		}
		if (r < 0)
			return r;
		note(reading, WEIR_STR("["));
		note(reading, line);
		note(reading, WEIR_STR("]"));
	}
	return 0;
}

static const char *lines_of(const char *text, size_t max)
{
	static struct reading reading;
	int fd;

	reading = (struct reading){ .max = max };
	file_world_put(&fw, text);
	fd = open(fw.path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(file_attach(fd, &reading.f), 0);
	cr_assert_eq(world_run(&fw.w, read_all, &reading), 0);
	cr_assert_eq(world_run(&fw.w, read_all, &reading), 0, "the end stays the end");
	file_close(reading.f);
	(void)close(fd);
	return reading.text;
}

Test(file_line, gives_each_line_without_its_end)
{
	cr_assert_str_eq(lines_of("one\ntwo\n\nfour\n", 100), "[one][two][][four]");
}

Test(file_line, gives_what_follows_the_last_newline)
{
	cr_assert_str_eq(lines_of("one\ntwo", 100), "[one][two]");
}

Test(file_line, of_nothing_gives_nothing)
{
	cr_assert_str_eq(lines_of("", 100), "");
	cr_assert_str_eq(lines_of("\n", 100), "[]");
}

Test(file_line, leaves_a_carriage_return)
{
	cr_assert_str_eq(lines_of("one\r\n", 100), "[one\r]");
}

Test(file_line, says_once_that_one_is_too_long_and_goes_on_behind_it)
{
	cr_assert_str_eq(lines_of("12345\n1234567\n1\n", 5), "[12345]<long>[1]");
	cr_assert_str_eq(lines_of("1234567", 5), "<long>");
	cr_assert_str_eq(lines_of("\n1\n", 0), "[]<long>");
}

/* Line lengths around the size of the buffer. */
static void check_length(size_t n)
{
	char *text = malloc(2 * n + 8), *p = text;
	struct reading reading = { .max = n };
	int fd, r;

	memset(p, 'a', n);
	p += n;
	*p++ = '\n';
	memset(p, 'b', n + 1);
	p += n + 1;
	(void)strcpy(p, "\nc\n");
	file_world_put(&fw, text);
	fd = open(fw.path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(file_attach(fd, &reading.f), 0);
	r = world_run(&fw.w, read_all, &reading);
	cr_assert_eq(r, 0);
	cr_assert_str_eq(reading.text, "[]<long>[c]", "%zu", n);
	cr_assert_leq(reading.f->cap, n + 1 > 64 * 1024 ? n + 1 : 64 * 1024);
	file_close(reading.f);
	(void)close(fd);
	free(text);
}

Test(file_line, may_be_longer_than_the_buffer)
{
	check_length(64 * 1024 - 2);
	check_length(64 * 1024 - 1);
	check_length(64 * 1024);
	check_length(64 * 1024 + 1);
	check_length(500 * 1000);
}

Test(file_line, comes_in_pieces_from_a_pipe)
{
	static const char text[] = "one\ntwo\n123456789\nthree";
	struct reading reading = { .max = 8 };
	struct root root;

	cr_assert_eq(file_attach(fds[0], &reading.f), 0);
	root_start(&fw.w, &root, "reader", read_all, &reading);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		cr_assert_eq(write(fds[1], &text[i], 1), 1);
		for (int n = 0; n < 3; n++)
			loop_turn(fw.w.loop, false);
		if (i == 3)
			cr_assert_str_eq(reading.text, "[one]", "as soon as it is there");
	}
	cr_assert_str_eq(reading.text, "[one][two]<long>");
	(void)close(fds[1]);
	fds[1] = -1;
	loop_run(fw.w.loop);
	cr_assert_str_eq(reading.text, "[one][two]<long>[three]");
	file_close(reading.f);
}

static int read_within(void *arg)
{
	deadline_push(50);
	return deadline_pop(read_all(arg));
}

Test(file_line, loses_nothing_to_a_deadline)
{
	struct reading reading = { .max = 100 };

	cr_assert_eq(file_attach(fds[0], &reading.f), 0);
	cr_assert_eq(write(fds[1], "a\nhalf", 6), 6);
	cr_assert_eq(world_run(&fw.w, read_within, &reading), -ETIMEDOUT);
	cr_assert_eq(write(fds[1], " line\n", 6), 6);
	cr_assert_eq(world_run(&fw.w, read_within, &reading), -ETIMEDOUT);
	cr_assert_str_eq(reading.text, "[a][half line]");
	file_close(reading.f);
}

static int read_line_and_rest(void *arg)
{
	weir_str line;
	char rest[3] = "";

	cr_assert_eq(file_line(arg, 100, &line), 1);
	cr_assert_eq(file_read(arg, rest, 2), 2);
	cr_assert_str_eq(rest, "12");
	cr_assert_eq(file_line(arg, 100, &line), 1);
	cr_assert(weir_str_eq(line, WEIR_STR("34")));
	cr_assert_eq(file_read(arg, rest, 2), 0);
	return 0;
}

Test(file_line, may_be_mixed_with_reading_bytes)
{
	struct file *f;

	cr_assert_eq(file_attach(fds[0], &f), 0);
	cr_assert_eq(write(fds[1], "one\n1234\n", 9), 9);
	(void)close(fds[1]);
	fds[1] = -1;
	cr_assert_eq(world_run(&fw.w, read_line_and_rest, f), 0);
	file_close(f);
}

static size_t n_bytes;

/* A line that is too long, some bytes of its rest, and the line after it. */
static int read_long_bytes_and_line(void *arg)
{
	weir_str line;
	char rest[8];

	cr_assert_eq(file_line(arg, 2, &line), -EMSGSIZE);
	cr_assert_eq(write(fds[1], "56\n78\n", 6), 6);
	cr_assert_eq(file_read(arg, rest, n_bytes), (int)n_bytes);
	cr_assert_eq(file_line(arg, 2, &line), 1);
	cr_assert(weir_str_eq(line, WEIR_STR("78")), "%.*s", WEIR_ARG(line));
	return 0;
}

static void read_after_bytes(size_t n)
{
	struct file *f;

	n_bytes = n;
	cr_assert_eq(file_attach(fds[0], &f), 0);
	cr_assert_eq(write(fds[1], "1234", 4), 4);
	cr_assert_eq(world_run(&fw.w, read_long_bytes_and_line, f), 0);
	file_close(f);
}

Test(file_line, drops_what_bytes_have_left_of_one_that_is_too_long)
{
	read_after_bytes(1);
}

Test(file_line, drops_no_more_when_bytes_have_left_nothing_of_it, .timeout = 20)
{
	read_after_bytes(3);
}

static int read_without_memory(void *arg)
{
	weir_str line;

	oom_fail_at(1);
	cr_assert_eq(file_line(arg, 100, &line), -ENOMEM);
	cr_assert(oom_has_failed());
	return file_line(arg, 100, &line);
}

Test(file_line, without_memory_may_be_asked_again)
{
	struct file *f;

	cr_assert_eq(file_attach(fds[0], &f), 0);
	cr_assert_eq(write(fds[1], "one\n", 4), 4);
	cr_assert_eq(world_run(&fw.w, read_without_memory, f), 1);
	file_close(f);
}

static int read_one(void *arg)
{
	weir_str line;

	return file_line(arg, 100, &line);
}

Test(file_line, is_for_one_task_at_a_time)
{
	struct root first, second;
	struct file *f;

	cr_assert_eq(file_attach(fds[0], &f), 0);
	root_start(&fw.w, &first, "first", read_one, f);
	root_start(&fw.w, &second, "second", read_one, f);
	cr_assert_eq(second.result, -EBUSY);
	cr_assert_eq(write(fds[1], "one\n", 4), 4);
	loop_run(fw.w.loop);
	cr_assert_eq(first.result, 1);
	cr_assert_eq(read_one(f), -EDEADLK);
	file_close(f);
}
