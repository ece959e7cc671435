#include "coro/file.h"

#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "coro/deadline.h"
#include "coro/wait.h"
#include "file_world.h"
#include "oom.h"

static struct file_world fw;
static int fds[2];

static void setup(void)
{
	file_world_open(&fw);
	fds[0] = fds[1] = -1;
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
	file_world_close(&fw);
}

TestSuite(file, .init = setup, .fini = teardown);

static weir_str str(const char *s)
{
	return weir_strz(s);
}

/* ---- regular files */

static int write_and_read_back(void *arg)
{
	struct file *f;
	char text[16] = "";
	struct stat st;
	int r;

	r = file_open(fw.path, O_RDWR | O_CREAT | O_EXCL, 0640, &f);
	if (r < 0)
		return r;
	cr_assert_eq(file_write(f, str("hello, ")), 0);
	cr_assert_eq(file_write(f, str("world")), 0);
	cr_assert_eq(file_sync(f), 0);
	cr_assert_eq(file_read(f, text, sizeof(text)), 0, "at the end");
	cr_assert_eq(file_read_at(f, text, sizeof(text) - 1, 7), 5, "less only at the end");
	cr_assert_str_eq(text, "world");
	cr_assert_eq(file_write_at(f, str("W"), 7), 0);
	cr_assert_eq(file_stat(f, &st), 0);
	cr_assert_eq(st.st_size, 12);
	cr_assert_eq(st.st_mode & 07777, 0640);
	file_close(f);
	return 0;
}

Test(file, is_written_and_read)
{
	unsigned before = count_descriptors();

	(void)umask(022);
	cr_assert_eq(world_run(&fw.w, write_and_read_back, NULL), 0);
	cr_assert_str_eq(file_world_get(&fw), "hello, World");
	loop_run(fw.w.loop); /* it is closed a little later */
	cr_assert_leq(count_descriptors(), before + 1, "all that is open is the loop's own");
}

static int read_in_pieces(void *arg)
{
	struct file *f;
	char text[5] = "";

	cr_assert_eq(file_open(fw.path, O_RDONLY, 0, &f), 0);
	cr_assert_eq(file_read(f, text, 4), 4);
	cr_assert_str_eq(text, "abcd");
	cr_assert_eq(file_read(f, text, 4), 2);
	cr_assert_eq(text[1], 'f');
	cr_assert_eq(file_read(f, text, 4), 0);
	cr_assert_eq(fcntl(file_descriptor(f), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	file_close(f);
	return 0;
}

Test(file, is_read_from_where_it_is)
{
	file_world_put(&fw, "abcdef");
	cr_assert_eq(world_run(&fw.w, read_in_pieces, NULL), 0);
}

static int append(void *arg)
{
	struct file *f;

	cr_assert_eq(file_open(fw.path, O_WRONLY | O_APPEND, 0, &f), 0);
	cr_assert_eq(file_write(f, str("2")), 0);
	cr_assert_eq(file_read(f, &(char){ 0 }, 1), -EBADF);
	file_close(f);
	return 0;
}

Test(file, may_be_appended_to)
{
	file_world_put(&fw, "1");
	cr_assert_eq(world_run(&fw.w, append, NULL), 0);
	cr_assert_str_eq(file_world_get(&fw), "12");
}

static int fail_to_open(void *arg)
{
	struct file *untouched = NULL;
	int r = file_open(arg, O_RDONLY, 0, &untouched);

	cr_assert_null(untouched);
	return r;
}

Test(file, that_is_not_there_says_so)
{
	char not_below[] = "/dev/null/file";

	cr_assert_eq(world_run(&fw.w, fail_to_open, fw.path), -ENOENT);
	cr_assert_eq(world_run(&fw.w, fail_to_open, not_below), -ENOTDIR);
}

static int read_directory(void *arg)
{
	struct file *f;
	char c;
	int r;

	cr_assert_eq(file_open(fw.dir, O_RDONLY, 0, &f), 0);
	r = file_read(f, &c, 1);
	file_close(f);
	return r;
}

Test(file, that_is_a_directory_cannot_be_read)
{
	cr_assert_eq(world_run(&fw.w, read_directory, NULL), -EISDIR);
}

static int ask_too_much(void *arg)
{
	weir_str large = { "", (size_t)INT_MAX + 1 };
	struct file *f;
	char c;

	cr_assert_eq(file_open(fw.path, O_RDWR, 0, &f), 0);
	cr_assert_eq(file_read(f, &c, (size_t)INT_MAX + 1), -EINVAL);
	cr_assert_eq(file_read_at(f, &c, (size_t)INT_MAX + 1, 0), -EINVAL);
	cr_assert_eq(file_read_at(f, &c, 1, UINT64_MAX), -EINVAL);
	cr_assert_eq(file_write(f, large), -EINVAL);
	cr_assert_eq(file_write_at(f, large, 0), -EINVAL);
	cr_assert_eq(file_write(f, str("")), 0);
	file_close(f);
	return 0;
}

Test(file, refuses_what_does_not_fit_into_an_int)
{
	file_world_put(&fw, "");
	cr_assert_eq(world_run(&fw.w, ask_too_much, NULL), 0);
}

enum { LARGE = 3 * 1024 * 1024 + 7 };

static int write_large(void *arg)
{
	weir_str bytes = { arg, LARGE };
	struct file *f;
	char *back = calloc(1, LARGE);

	cr_assert_eq(file_open(fw.path, O_RDWR | O_CREAT, 0600, &f), 0);
	cr_assert_eq(file_write(f, bytes), 0);
	cr_assert_eq(file_read_at(f, back, LARGE, 0), LARGE);
	cr_assert_eq(memcmp(back, arg, LARGE), 0);
	file_close(f);
	free(back);
	return 0;
}

Test(file, is_written_and_read_in_one_piece_however_large)
{
	char *bytes = malloc(LARGE);

	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i * 31 >> 4);
	cr_assert_eq(world_run(&fw.w, write_large, bytes), 0);
	free(bytes);
}

static int write_to_full_disk(void *arg)
{
	struct file *f;
	int r;

	cr_assert_eq(file_open("/dev/full", O_WRONLY, 0, &f), 0);
	r = file_write(f, str("x"));
	file_close(f);
	return r;
}

Test(file, on_a_full_disk_says_so)
{
	cr_assert_eq(world_run(&fw.w, write_to_full_disk, NULL), -ENOSPC);
}

static int open_cancelled(void *arg)
{
	struct file *f;

	task_cancel(task_current(), REASON_EXPLICIT);
	return file_open(fw.path, O_RDONLY, 0, &f);
}

Test(file, is_not_opened_by_a_cancelled_task)
{
	file_world_put(&fw, "");
	cr_assert_eq(world_run(&fw.w, open_cancelled, NULL), -ECANCELED);
}

static int close_cancelled(void *arg)
{
	struct file *f;
	char c;

	cr_assert_eq(file_open(fw.path, O_RDONLY, 0, &f), 0);
	task_cancel(task_current(), REASON_EXPLICIT);
	cr_assert_eq(file_read(f, &c, 1), -ECANCELED);
	file_close(f);
	return 0;
}

Test(file, is_closed_by_a_cancelled_task)
{
	unsigned before;

	file_world_put(&fw, "x");
	(void)world_run(&fw.w, open_cancelled, NULL); /* what the loop opens is there */
	before = count_descriptors();
	cr_assert_eq(world_run(&fw.w, close_cancelled, NULL), 0);
	loop_run(fw.w.loop);
	cr_assert_leq(count_descriptors(), before + 1);
	file_close(NULL);
}

static int open_with_a_failure(void *arg)
{
	const unsigned *n = arg;
	struct file *f;
	int r;

	oom_fail_at(*n);
	r = file_open(fw.path, O_RDONLY, 0, &f);
	if (r == 0)
		file_close(f);
	return r;
}

Test(file, is_not_opened_without_memory)
{
	for (unsigned n = 1;; n++) {
		int r = world_run(&fw.w, open_with_a_failure, &n);

		file_world_put(&fw, "");
		if (!oom_has_failed())
			break;
		cr_assert(r == -ENOMEM || r == -ENOENT || r == 0);
	}
}

/* ---- streams */

static int read_some(void *arg)
{
	struct file *f = arg;
	char text[64];
	int r;

	r = file_read(f, text, sizeof(text));
	return r <= 0 ? r : text[0] * 100 + r;
}

static struct file *attach(int fd)
{
	struct file *f = NULL;

	cr_assert_eq(file_attach(fd, &f), 0);
	return f;
}

static void check_is_awaited(struct file *f)
{
	struct root root;

	root_start(&fw.w, &root, "reader", read_some, f);
	loop_turn(fw.w.loop, false);
	cr_assert_not(root.is_done);
	cr_assert_eq(write(fds[1], "abc", 3), 3);
	loop_run(fw.w.loop);
	cr_assert_eq(root.result, 'a' * 100 + 3);
}

static void check_end(struct file *f)
{
	(void)close(fds[1]);
	fds[1] = -1;
	cr_assert_eq(world_run(&fw.w, read_some, f), 0);
	file_close(f);
}

Test(file, that_is_a_pipe_is_awaited)
{
	struct file *f;

	cr_assert_eq(pipe(fds), 0);
	f = attach(fds[0]);
	check_is_awaited(f);
	check_end(f);
}

Test(file, that_is_a_socket_is_awaited)
{
	struct file *f;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f = attach(fds[0]);
	check_is_awaited(f);
	check_end(f);
}

Test(file, that_is_a_fifo_is_awaited)
{
	struct file *f;

	cr_assert_eq(mkfifo(fw.path, 0600), 0);
	fds[0] = open(fw.path, O_RDONLY | O_NONBLOCK);
	fds[1] = open(fw.path, O_WRONLY);
	(void)fcntl(fds[0], F_SETFL, 0);
	f = attach(fds[0]);
	check_is_awaited(f);
	check_end(f);
}

Test(file, that_is_a_terminal_is_awaited_line_by_line)
{
	struct file *f;
	struct root root;

	cr_assert_eq(openpty(&fds[1], &fds[0], NULL, NULL, NULL), 0);
	f = attach(fds[0]);
	root_start(&fw.w, &root, "reader", read_some, f);
	cr_assert_eq(write(fds[1], "ab", 2), 2);
	loop_turn(fw.w.loop, false);
	loop_turn(fw.w.loop, false);
	cr_assert_not(root.is_done, "the terminal keeps it until the line ends");
	cr_assert_eq(write(fds[1], "c\n", 2), 2);
	loop_run(fw.w.loop);
	cr_assert_eq(root.result, 'a' * 100 + 4);
	file_close(f);
}

static bool is_nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

Test(file, that_others_share_stays_blocking_for_them)
{
	struct file *ends[2];

	cr_assert_eq(pipe(fds), 0);
	ends[0] = attach(fds[0]);
	ends[1] = attach(fds[1]);
	cr_assert_not(is_nonblocking(fds[0]));
	cr_assert_not(is_nonblocking(fds[1]));
	cr_assert(is_nonblocking(file_descriptor(ends[0])));
	cr_assert_neq(file_descriptor(ends[0]), fds[0]);
	file_close(ends[0]);
	file_close(ends[1]);
	cr_assert_geq(fcntl(fds[0], F_GETFD), 0, "and is not closed");
	cr_assert_not(is_nonblocking(fds[0]));
}

Test(file, that_is_a_terminal_stays_blocking_for_the_shell)
{
	struct file *f;

	cr_assert_eq(openpty(&fds[1], &fds[0], NULL, NULL, NULL), 0);
	f = attach(fds[0]);
	cr_assert(is_nonblocking(file_descriptor(f)));
	file_close(f);
	cr_assert_not(is_nonblocking(fds[0]));
}

/* An eventfd cannot be opened a second time. */
Test(file, that_cannot_be_opened_again_is_waited_for)
{
	uint64_t n = 3;
	struct root root;
	struct file *f;

	fds[0] = eventfd(0, EFD_CLOEXEC);
	f = attach(fds[0]);
	cr_assert_eq(f->kind, FILE_SHARED);
	root_start(&fw.w, &root, "reader", read_some, f);
	loop_turn(fw.w.loop, false);
	cr_assert_not(root.is_done);
	cr_assert_eq(write(fds[0], &n, sizeof(n)), (ssize_t)sizeof(n));
	loop_run(fw.w.loop);
	cr_assert_eq(root.result, 3 * 100 + 8);
	cr_assert_not(is_nonblocking(fds[0]));
	file_close(f);
}

Test(file, is_read_by_one_task_at_a_time)
{
	struct root first, second;
	struct file *f;

	cr_assert_eq(pipe(fds), 0);
	f = attach(fds[0]);
	root_start(&fw.w, &first, "first", read_some, f);
	root_start(&fw.w, &second, "second", read_some, f);
	cr_assert_eq(second.result, -EBUSY);
	(void)close(fds[1]);
	fds[1] = -1;
	loop_run(fw.w.loop);
	cr_assert_eq(first.result, 0);
	file_close(f);
}

static int read_within(void *arg)
{
	deadline_push(100);
	return deadline_pop(read_some(arg));
}

Test(file, loses_nothing_to_a_deadline)
{
	struct file *f;

	cr_assert_eq(pipe(fds), 0);
	f = attach(fds[0]);
	cr_assert_eq(world_run(&fw.w, read_within, f), -ETIMEDOUT);
	cr_assert_eq(world_now(&fw.w), 100);
	cr_assert_eq(write(fds[1], "z", 1), 1);
	cr_assert_eq(world_run(&fw.w, read_some, f), 'z' * 100 + 1);
	file_close(f);
}

/* A megabyte: more than a pipe or a socket takes at once. */
enum { MUCH = 1024 * 1024 };

static int write_much(void *arg)
{
	char *bytes = malloc(MUCH);
	int r;

	memset(bytes, 'm', MUCH);
	r = file_write(arg, (weir_str){ bytes, MUCH });
	free(bytes);
	return r;
}

static int read_much(void *arg)
{
	size_t sum = 0;
	char text[5000];
	int r;

	while (sum < MUCH && (r = file_read(arg, text, sizeof(text))) > 0) {
		cr_assert_eq(text[0], 'm');
		sum += (size_t)r;
	}
	return (int)sum;
}

static void check_much(struct file *in, struct file *out)
{
	struct root writer, reader;

	root_start(&fw.w, &writer, "writer", write_much, out);
	root_start(&fw.w, &reader, "reader", read_much, in);
	loop_run(fw.w.loop);
	cr_assert_eq(writer.result, 0);
	cr_assert_eq(reader.result, MUCH);
	file_close(in);
	file_close(out);
}

Test(file, that_is_a_pipe_takes_more_than_fits)
{
	cr_assert_eq(pipe(fds), 0);
	check_much(attach(fds[0]), attach(fds[1]));
}

Test(file, that_is_a_socket_takes_more_than_fits)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	check_much(attach(fds[0]), attach(fds[1]));
}

/* As where the system refuses to open it again. */
static struct file *attach_shared(int fd)
{
	struct rlimit before, none = { 0, 0 };
	struct file *f;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	f = attach(fd);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(f->kind, FILE_SHARED);
	cr_assert_eq(file_descriptor(f), fd);
	return f;
}

Test(file, that_is_shared_is_awaited)
{
	struct file *f;

	cr_assert_eq(pipe(fds), 0);
	f = attach_shared(fds[0]);
	check_is_awaited(f);
	check_end(f);
}

Test(file, that_is_shared_takes_more_than_fits)
{
	cr_assert_eq(pipe(fds), 0);
	check_much(attach_shared(fds[0]), attach_shared(fds[1]));
	cr_assert_not(is_nonblocking(fds[0]));
	cr_assert_not(is_nonblocking(fds[1]));
}

struct letters {
	struct file *f;
	char letter;
};

static int write_letters(void *arg)
{
	const struct letters *l = arg;
	char bytes[3000];

	memset(bytes, l->letter, sizeof(bytes));
	return file_write(l->f, (weir_str){ bytes, sizeof(bytes) });
}

static int read_letters(void *arg)
{
	char last = 0, text[1000];
	int n_changes = 0, r;

	while ((r = file_read(arg, text, sizeof(text))) > 0) {
		for (int i = 0; i < r; i++) {
			n_changes += text[i] != last;
			last = text[i];
		}
	}
	return r < 0 ? r : n_changes;
}

Test(file, mixes_no_bytes_of_several_writers)
{
	struct root writers[40], reader;
	struct letters letters[40];
	struct file *in, *out;

	cr_assert_eq(pipe(fds), 0);
	in = attach(fds[0]);
	out = attach(fds[1]);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
		letters[i] = (struct letters){ out, (char)('0' + i) };
		root_start(&fw.w, &writers[i], "writer", write_letters, &letters[i]);
	}
	root_start(&fw.w, &reader, "reader", read_letters, in);
	while (!writers[ARRAY_LEN(writers) - 1].is_done)
		loop_turn(fw.w.loop, true);
	file_close(out);
	(void)close(fds[1]);
	fds[1] = -1;
	loop_run(fw.w.loop);
	cr_assert_eq(reader.result, (int)ARRAY_LEN(writers));
	file_close(in);
}

static int write_x(void *arg)
{
	return file_write(arg, str("x"));
}

static void check_broken(void)
{
	struct file *f;

	(void)close(fds[0]);
	fds[0] = -1;
	(void)signal(SIGPIPE, SIG_IGN);
	f = attach(fds[1]);
	cr_assert_eq(world_run(&fw.w, write_x, f), -EPIPE);
	file_close(f);
}

Test(file, that_is_a_pipe_nobody_reads_is_broken)
{
	cr_assert_eq(pipe(fds), 0);
	check_broken();
}

Test(file, that_is_a_closed_socket_is_broken)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	check_broken();
}

static int read_endlessly(void *arg)
{
	char text[64];
	int r;

	while ((r = file_read(arg, text, sizeof(text))) > 0)
		;
	return r;
}

Test(file, that_never_ends_lets_others_have_their_turn)
{
	struct root root;
	struct file *f;

	fds[0] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	f = attach(fds[0]);
	root_start(&fw.w, &root, "reader", read_endlessly, f);
	loop_turn(fw.w.loop, false);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(fw.w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	file_close(f);
}

Test(file, that_is_attached_may_be_a_regular_one)
{
	struct file *f;

	file_world_put(&fw, "hello");
	fds[0] = open(fw.path, O_RDONLY | O_CLOEXEC);
	f = attach(fds[0]);
	cr_assert_eq(world_run(&fw.w, read_some, f), 'h' * 100 + 5);
	cr_assert_eq(world_run(&fw.w, read_some, f), 0);
	file_close(f);
	cr_assert_geq(fcntl(fds[0], F_GETFD), 0);
}

Test(file, cannot_be_attached_to_nothing)
{
	struct file *f = NULL;

	cr_assert_eq(file_attach(-1, &f), -EBADF);
	cr_assert_eq(pipe(fds), 0);
	oom_fail_at(1);
	cr_assert_eq(file_attach(fds[0], &f), -ENOMEM);
	(void)oom_has_failed();
	cr_assert_null(f);
}

Test(file, is_for_tasks)
{
	struct file *f;
	char c;

	cr_assert_eq(pipe(fds), 0);
	f = attach(fds[0]);
	cr_assert_eq(file_read(f, &c, 1), -EDEADLK);
	cr_assert_eq(file_write(f, str("x")), -EDEADLK);
	cr_assert_eq(file_sync(f), -EDEADLK);
	file_close(f);
	cr_assert_eq(file_open(fw.path, O_RDONLY, 0, &f), -EDEADLK);
}
