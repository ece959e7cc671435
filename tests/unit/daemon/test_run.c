/*
 * test_run.c - whole daemons, from the arguments to the exit code; all they say
 * is read here. They are the real program, since this one's threads confuse
 * LeakSanitizer in their workers. What they do while they serve is tests/e2e.
 */
#include "daemon/run.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "conf/exit_code.h"
#include "conf_fixture.h"

#define PATIENCE_MS 20000

struct daemon {
	pid_t pid;
	int said_fd;
	char said[16384];
	size_t said_len;
};

/* In the child: both outputs go where the test reads them. */
static _Noreturn void be_daemon(const char *const *arguments, int fd)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)unsetenv("WEB_CONCURRENCY");
	(void)unsetenv("PORT");
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	(void)execv(WEIR_EXE, (char *const *)(uintptr_t)arguments);
	_exit(127);
}

static void begin(struct daemon *d, const char *const *arguments)
{
	int fds[2];

	memset(d, 0, sizeof(*d));
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	d->pid = fork();
	cr_assert_geq(d->pid, 0);
	if (d->pid == 0)
		be_daemon(arguments, fds[1]);
	(void)close(fds[1]);
	d->said_fd = fds[0];
}

/* False at the end. */
static bool read_more(struct daemon *d)
{
	struct pollfd polled = { .fd = d->said_fd, .events = POLLIN };
	ssize_t n;

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "nothing more comes after: %s", d->said);
	n = read(d->said_fd, d->said + d->said_len, sizeof(d->said) - 1 - d->said_len);
	cr_assert_geq(n, 0);
	d->said_len += (size_t)n;
	return n > 0;
}

static void expect_said(struct daemon *d, const char *words)
{
	while (!strstr(d->said, words))
		cr_assert(read_more(d), "\"%s\" was not said, but: %s", words, d->said);
}

static int exit_code(struct daemon *d)
{
	int status = 0;

	while (read_more(d))
		;
	(void)close(d->said_fd);
	cr_assert_eq(waitpid(d->pid, &status, 0), d->pid);
	cr_assert(WIFEXITED(status), "status %d: %s", status, d->said);
	return WEXITSTATUS(status);
}

#define RUN(d, ...)                                                     \
	begin((d), (const char *const[]){ "weir", __VA_ARGS__, NULL }); \
	(void)0

static void write_conf(struct fixture *f, const char *text)
{
	fixture_init(f);
	fixture_write("test.yaml", text, strlen(text));
}

/* A port that is taken as long as the descriptor is open. */
static int take_port(char ret_address[32])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	(void)snprintf(ret_address, 32, "127.0.0.1:%u", ntohs(in.sin_port));
	return fd;
}

#define SERVES                                                 \
	"listen: [{address: 'unix:test.sock'}]\nworkers: 2\n"  \
	"modules: [{path: " TEST_MODULES "/e2e_process.so}]\n" \
	"routes: [{path: /pid, handler: e2e_process.pid}]\n"

Test(run, prints_its_version)
{
	struct daemon d;

	RUN(&d, "--version");
	cr_assert_eq(exit_code(&d), EXIT_CODE_OK);
	cr_assert_not_null(strstr(d.said, "weir " WEIR_VERSION "\n"), "%s", d.said);
}

Test(run, refuses_arguments_that_make_no_sense)
{
	struct daemon d;

	RUN(&d, "--no-such-option");
	cr_assert_eq(exit_code(&d), EXIT_CODE_USAGE);
	cr_assert_not_null(strstr(d.said, "unknown option --no-such-option"), "%s", d.said);
}

Test(run, says_that_a_configuration_is_fine)
{
	struct fixture f;
	struct daemon d;

	write_conf(&f, SERVES);
	RUN(&d, "-t", "-c", "test.yaml");
	cr_assert_eq(exit_code(&d), EXIT_CODE_OK);
	cr_assert_str_eq(d.said, "test.yaml: the configuration is fine\n");
	fixture_done(&f);
}

Test(run, prints_problems_of_the_file_and_of_the_modules_together)
{
	struct fixture f;
	struct daemon d;

	write_conf(&f, "wokers: 1\n"
		       "modules: [{path: " TEST_MODULES "/good.so}]\n"
		       "routes:\n"
		       "  - {path: /x, handler: good.usr}\n"
		       "  - {path: /y, handler: god.user}\n");
	RUN(&d, "-t", "-c", "test.yaml");
	cr_assert_eq(exit_code(&d), EXIT_CODE_CONFIG);
	cr_assert_not_null(strstr(d.said, "test.yaml:1:1: "), "%s", d.said);
	cr_assert_not_null(strstr(d.said, "test.yaml:4:25: "), "%s", d.said);
	cr_assert_not_null(strstr(d.said, "test.yaml:5:25: "), "%s", d.said);
	fixture_done(&f);
}

Test(run, serves_nothing_from_a_configuration_with_a_problem)
{
	struct fixture f;
	struct daemon d;

	write_conf(&f, SERVES "wokers: 1\n");
	RUN(&d, "-c", "test.yaml");
	cr_assert_eq(exit_code(&d), EXIT_CODE_CONFIG);
	cr_assert_null(strstr(d.said, "ready"));
	fixture_done(&f);
}

Test(run, says_that_a_file_is_missing)
{
	struct daemon d;

	RUN(&d, "-c", "/nowhere/weir.yaml");
	cr_assert_eq(exit_code(&d), EXIT_CODE_CONFIG);
	cr_assert_not_null(strstr(d.said, "/nowhere/weir.yaml"), "%s", d.said);
}

Test(run, says_that_an_address_is_taken)
{
	char address[32];
	int fd = take_port(address);
	struct fixture f;
	struct daemon d;

	write_conf(&f, SERVES);
	RUN(&d, "-c", "test.yaml", "--listen", address);
	cr_assert_eq(exit_code(&d), EXIT_CODE_ADDRESS_IN_USE);
	cr_assert_not_null(strstr(d.said, "another process already does"), "%s", d.said);
	(void)close(fd);
	fixture_done(&f);
}

Test(run, says_that_the_access_log_cannot_be_opened)
{
	struct fixture f;
	struct daemon d;

	write_conf(&f, SERVES "access_log: /nowhere/access.log\n");
	RUN(&d, "-c", "test.yaml");
	cr_assert_eq(exit_code(&d), EXIT_CODE_START);
	cr_assert_not_null(strstr(d.said, "cannot open the access log /nowhere/access.log"), "%s",
			   d.said);
	fixture_done(&f);
}

Test(run, ends_with_the_reason_of_a_module_that_cannot_start)
{
	struct fixture f;
	struct daemon d;

	write_conf(&f, "listen: [{address: 'unix:test.sock'}]\n"
		       "modules: [{path: " TEST_MODULES
		       "/e2e_process.so, settings: {startup: fail}}]\n");
	RUN(&d, "-c", "test.yaml");
	cr_assert_eq(exit_code(&d), EXIT_CODE_START);
	cr_assert_not_null(strstr(d.said, "the stars are wrong"), "%s", d.said);
	fixture_done(&f);
}

Test(run, serves_until_it_is_told_to_stop)
{
	struct fixture f;
	struct daemon d;

	write_conf(&f, SERVES);
	RUN(&d, "-c", "test.yaml");
	expect_said(&d, "ready: listening on unix:");
	cr_assert_eq(kill(d.pid, SIGTERM), 0);
	cr_assert_eq(exit_code(&d), EXIT_CODE_OK);
	cr_assert_not_null(strstr(d.said, "stopped"), "%s", d.said);
	fixture_done(&f);
}

Test(run, serves_a_module_without_a_file)
{
	struct fixture f;
	struct daemon d;

	fixture_init(&f);
	RUN(&d, "run", TEST_MODULES "/e2e_process.so", "--listen", "unix:test.sock", "--workers",
	    "1");
	expect_said(&d, "ready: listening on unix:");
	cr_assert_eq(access("test.sock", F_OK), 0);
	cr_assert_eq(kill(d.pid, SIGINT), 0);
	cr_assert_eq(exit_code(&d), EXIT_CODE_OK);
	cr_assert_neq(access("test.sock", F_OK), 0);
	fixture_done(&f);
}
