/* test_access_log.c - lines to pipes and files, in virtual time. */
#include "serve/access_log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "io/loop.h"

#define SLURP 300000

struct world {
	struct loop *loop;
	struct log log;
	int log_fd;	       /* what was said in the error log is read here */
	int read_fd, write_fd; /* where lines go */
	struct access_log *access_log;
	char *text; /* what slurp() read */
};

static const struct access_log_line line = { .client = { "192.0.2.7", 9 },
					     .method = { "GET", 3 },
					     .target = { "/hello", 6 },
					     .version = 11,
					     .status = 200 };

static void world_init_on(struct world *world, const int fds[2])
{
	int log_fds[2];

	*world = (struct world){ .read_fd = fds[0], .write_fd = fds[1] };
	(void)signal(SIGPIPE, SIG_IGN);
	world->text = calloc(1, SLURP + 1);
	cr_assert_not_null(world->text);
	cr_assert_eq(pipe2(log_fds, O_NONBLOCK), 0);
	world->log_fd = log_fds[0];
	log_init(&world->log, log_fds[1], LOG_AT_INFO);
	cr_assert_eq(loop_new_virtual(&world->loop), 0);
	cr_assert_eq(access_log_new(world->loop, &world->log, fds[1], NULL, &world->access_log), 0);
}

/* A pipe whose writing end blocks, as one inherited from a shell does. */
static void world_init(struct world *world)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	world_init_on(world, fds);
}

static void world_done(struct world *world)
{
	access_log_free(world->access_log);
	loop_free(world->loop);
	free(world->text);
}

/* What there is now, as a string, and its number of lines. */
static size_t slurp(struct world *world, int fd)
{
	size_t len = 0, n_lines = 0;
	ssize_t n;

	while ((n = read(fd, world->text + len, SLURP - len)) > 0)
		len += (size_t)n;
	world->text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		n_lines += world->text[i] == '\n';
	return n_lines;
}

static void write_lines(struct world *world, size_t n)
{
	for (size_t i = 0; i < n; i++)
		access_log_write(world->access_log, &line);
}

Test(access_log, a_line_leaves_within_a_second)
{
	struct world world;
	int64_t start_ms;

	world_init(&world);
	start_ms = loop_now_ms(world.loop);
	write_lines(&world, 1);
	cr_assert_eq(slurp(&world, world.read_fd), 0u);
	while (slurp(&world, world.read_fd) == 0)
		loop_turn(world.loop, true);
	cr_assert_leq(loop_now_ms(world.loop) - start_ms, 1000);
	cr_assert_eq(strncmp(world.text, "192.0.2.7 - - [", 15), 0);
	cr_assert_not_null(strstr(world.text, "] \"GET /hello HTTP/1.1\" 200 0 \"-\" \"-\"\n"));
	world_done(&world);
}

Test(access_log, lines_leave_when_the_buffer_is_full)
{
	struct world world;

	world_init(&world);
	write_lines(&world, 1000);
	cr_assert_gt(slurp(&world, world.read_fd), 500u);
	world_done(&world);
}

Test(access_log, lines_leave_when_asked_and_when_freed)
{
	struct world world;

	world_init(&world);
	write_lines(&world, 2);
	access_log_flush(world.access_log);
	cr_assert_eq(slurp(&world, world.read_fd), 2u);
	write_lines(&world, 3);
	world.access_log = access_log_free(world.access_log);
	cr_assert_eq(slurp(&world, world.read_fd), 3u);
	world_done(&world);
}

Test(access_log, a_reader_that_sleeps_costs_lines_not_time, .timeout = 10)
{
	struct world world;
	size_t n_read;

	world_init(&world);
	write_lines(&world, 10000);
	cr_assert_gt(access_log_n_dropped(world.access_log), 0u);

	/* It wakes up: what had room is there, whole, and the rest was counted and told. */
	n_read = slurp(&world, world.read_fd);
	for (int i = 0; i < 3; i++)
		loop_turn(world.loop, true);
	n_read += slurp(&world, world.read_fd);
	cr_assert_eq(n_read + access_log_n_dropped(world.access_log), 10000u);
	cr_assert_eq(slurp(&world, world.log_fd), 1u);
	cr_assert_not_null(strstr(world.text, "lines were dropped"), "%s", world.text);
	world_done(&world);
}

Test(access_log, what_is_lost_at_the_end_is_told)
{
	struct world world;

	world_init(&world);
	write_lines(&world, 1100);
	access_log_flush(world.access_log);
	cr_assert_eq(access_log_n_dropped(world.access_log), 0u);
	world.access_log = access_log_free(world.access_log);
	cr_assert_eq(slurp(&world, world.log_fd), 1u);
	cr_assert_not_null(strstr(world.text, "lines were dropped"), "%s", world.text);
	world_done(&world);
}

Test(access_log, lines_are_never_torn_by_another_writer)
{
	struct world world;

	world_init(&world);
	/* Leaves room for less than the buffer, so that it is written in several pieces. */
	write_lines(&world, 2000);
	(void)slurp(&world, world.read_fd);
	cr_assert_eq(write(world.write_fd, "other\n", 6), 6);
	access_log_flush(world.access_log);
	(void)slurp(&world, world.read_fd);
	cr_assert_not_null(strstr(world.text, "other\n192.0.2.7 - - ["));
	world_done(&world);
}

Test(access_log, a_reader_that_is_gone_is_said_once)
{
	struct world world;

	world_init(&world);
	close(world.read_fd);
	write_lines(&world, 5);
	access_log_flush(world.access_log);
	write_lines(&world, 5);
	access_log_flush(world.access_log);
	cr_assert_eq(access_log_n_dropped(world.access_log), 10u);
	cr_assert_eq(slurp(&world, world.log_fd), 1u);
	cr_assert_not_null(strstr(world.text, "access log: cannot write: Broken pipe"), "%s",
			   world.text);
	world_done(&world);
}

Test(access_log, a_socket_is_not_waited_for_either, .timeout = 10)
{
	struct world world;
	int fds[2];

	/* Under a service manager standard output is a stream socket. */
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	world_init_on(&world, fds);
	write_lines(&world, 50000);
	cr_assert_gt(access_log_n_dropped(world.access_log), 0u);
	cr_assert_gt(slurp(&world, world.read_fd), 100u);
	world_done(&world);
}

Test(access_log, a_full_disk_costs_lines)
{
	struct world world;
	int fds[2] = { -1, open("/dev/full", O_WRONLY) };

	cr_assert_geq(fds[1], 0);
	world_init_on(&world, fds);
	write_lines(&world, 3);
	access_log_flush(world.access_log);
	cr_assert_eq(access_log_n_dropped(world.access_log), 3u);
	world_done(&world);
}

Test(access_log, a_file_is_made_and_appended_to)
{
	char path[] = "/tmp/weir-log-XXXXXX";
	struct world world;
	struct stat st;
	int fds[2] = { -1, -1 };

	close(mkstemp(path));
	unlink(path);
	(void)umask(0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(access_log_open(path, &fds[1]), 0);
		world_init_on(&world, fds);
		write_lines(&world, 2);
		world_done(&world);
	}
	world_init_on(&world, fds);
	fds[0] = open(path, O_RDONLY);
	cr_assert_eq(slurp(&world, fds[0]), 4u);
	cr_assert_eq(fstat(fds[0], &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0640u);
	unlink(path);
	world_done(&world);
}

Test(access_log, a_file_in_no_directory_is_an_error)
{
	int fd = -1;

	cr_assert_eq(access_log_open("/tmp/weir-no-such-directory/access.log", &fd), -ENOENT);
}

Test(access_log, a_pipe_on_standard_output_stays_blocking_for_others)
{
	int fds[2], fd = -1;

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	cr_assert_eq(access_log_open(NULL, &fd), 0);
	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_assert(!(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK));
	cr_assert_eq(write(fd, "x", 1), 1);
	cr_assert_eq(read(fds[0], &(char){ 0 }, 1), 1);
}
