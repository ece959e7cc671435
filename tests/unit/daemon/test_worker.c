/*
 * test_worker.c - real workers, each a child of the test, which plays the
 * master: it forks, holds the other end of the control socket, and makes
 * requests. The module is tests/modules/e2e_process.c; what its handlers wait
 * for are files in the fixture's directory.
 */
#include "daemon/worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"
#include "conf/exit_code.h"
#include "conf_fixture.h"
#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/worker_notes.h"
#include "io/sock.h"

#define PATIENCE_MS 20000
#define N_SLOTS 2

struct world {
	struct fixture fixture;
	struct log log;
	struct listeners *listeners;
	struct sock_addr address;
	struct worker_notes notes;
	bool is_held;
	pid_t pid;
	int control;
	int log_fd; /* what the worker says */
	char said[16384];
	size_t said_len;
};

/* ---- a worker */

static void load(struct world *w, const char *settings, const char *more)
{
	char text[2048];

	fixture_init(&w->fixture);
	(void)snprintf(text, sizeof(text),
		       "log_level: info\n"
		       "workers: 2\n"
		       "access_log: off\n"
		       "module_path: [%s]\n"
		       "modules: [{path: e2e_process.so, settings: {dir: %s%s}}]\n"
		       "routes:\n"
		       "  - {path: /pid, handler: e2e_process.pid}\n"
		       "  - {path: \"/until/{name}\", handler: e2e_process.until}\n"
		       "  - {path: \"/stubborn/{name}\", handler: e2e_process.stubborn}\n"
		       "  - {path: \"/stuck/{name}\", handler: e2e_process.stuck}\n"
		       "%s",
		       TEST_MODULES, w->fixture.dir, settings, more);
	fixture_load(&w->fixture, text);
	cr_assert_eq(w->fixture.r, 0, "%s", w->fixture.said);
}

static _Noreturn void be_worker(struct world *w, int control_fd)
{
	struct worker_setup setup = { .conf = w->fixture.conf, .access_log_fd = -1 };
	struct worker_args args = { .slot = 0,
				    .is_held = w->is_held,
				    .control_fd = control_fd,
				    .listeners = w->listeners,
				    .note = worker_notes_at(&w->notes, 0),
				    .log = &w->log,
				    .arg = &setup };

	/* A test that fails leaves nobody behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close(w->control);
	(void)close(w->log_fd);
	log_set_who(&w->log, "worker 0");
	listeners_keep(w->listeners, 0);
	_exit(worker_main(&args));
}

static void fork_worker(struct world *w)
{
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	w->control = ends[0];
	w->pid = fork();
	cr_assert_geq(w->pid, 0);
	if (w->pid == 0)
		be_worker(w, ends[1]);
	(void)close(ends[1]);
}

/* A free port, which a configuration cannot ask for. */
static void open_listeners(struct world *w)
{
	struct conf_listen listen = { .address = { .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	char words[LISTENERS_WORDS_MAX];

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(listeners_open(&listen, 1, N_SLOTS, 64, &w->listeners, words), 0);
	cr_assert_eq(sock_local(listeners_fd(w->listeners, 0, 0), &w->address), 0);
}

static void begin_so(struct world *w, bool is_held, const char *settings, const char *more)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	w->is_held = is_held;
	load(w, settings, more);
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_INFO);
	w->log.has_time = false;
	open_listeners(w);
	cr_assert_eq(worker_notes_init(&w->notes, N_SLOTS), 0);
	fork_worker(w);
	(void)close(fds[1]);
	w->log.fd = -1;
}

static void begin(struct world *w, const char *settings, const char *more)
{
	begin_so(w, false, settings, more);
}

/* The next message of the worker. */
static int hear(struct world *w, struct ipc_message *ret_message)
{
	struct pollfd polled = { .fd = w->control, .events = POLLIN };

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "the worker says nothing");
	return control_receive(w->control, ret_message);
}

static void expect_message(struct world *w, enum control_type type)
{
	struct ipc_message message;

	cr_assert_eq(hear(w, &message), 1);
	cr_assert_eq(message.type, (uint32_t)type, "%s", message.text);
}

/* A worker that serves; the only one: all connections come to its slot. */
static void begin_serving(struct world *w, const char *more)
{
	begin(w, "", more);
	expect_message(w, CONTROL_READY);
}

/* As the master does at once when it stops. */
static void close_listeners(struct world *w)
{
	listeners_stop(w->listeners);
}

/* Waits for these words in its log. */
static void expect_said(struct world *w, const char *words)
{
	struct pollfd polled = { .fd = w->log_fd, .events = POLLIN };

	while (!strstr(w->said, words)) {
		ssize_t n;

		cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "not said: %s", w->said);
		n = read(w->log_fd, w->said + w->said_len, sizeof(w->said) - 1 - w->said_len);
		cr_assert_gt(n, 0, "it ended without saying \"%s\": %s", words, w->said);
		w->said_len += (size_t)n;
	}
}

/* How it has ended, as waitpid() says it. */
static int end_status(struct world *w)
{
	struct pollfd polled = { .fd = w->log_fd, .events = POLLIN };
	char some[4096];
	int status = 0;

	/* The log ends when the worker does. */
	do
		cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "it does not end: %s", w->said);
	while (read(w->log_fd, some, sizeof(some)) > 0);
	cr_assert_eq(waitpid(w->pid, &status, 0), w->pid);
	return status;
}

static int exit_code(struct world *w)
{
	int status = end_status(w);

	cr_assert(WIFEXITED(status), "status %d: %s", status, w->said);
	return WEXITSTATUS(status);
}

static void done(struct world *w)
{
	w->listeners = listeners_close(w->listeners);
	worker_notes_done(&w->notes);
	(void)close(w->control);
	(void)close(w->log_fd);
	fixture_done(&w->fixture);
}

/* ---- its clients */

/* -ECONNREFUSED, or a connection. To the worker's own slot: the other one's queue is nobody's. */
static int try_connect(struct world *w)
{
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&w->address.ss, w->address.len) == 0)
		return fd;
	(void)close(fd);
	return -errno;
}

static int send_request(struct world *w, const char *target)
{
	char text[256];
	int fd = try_connect(w), n;

	cr_assert_geq(fd, 0, "%s", strerror(-fd));
	n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
	cr_assert_eq(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
	return fd;
}

/* All that comes until the connection ends, or until these words. */
static const char *receive(int fd, const char *until)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	while (!until || !strstr(text, until)) {
		ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);

		cr_assert_geq(n, 0, "%s after: %s", strerror(errno), text);
		if (n == 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
	}
	return text;
}

/* Lets the handler go on that waits for it. */
static void create(const char *name)
{
	fixture_write(name, "", 0);
}

static void close_other_slot(struct world *w)
{
	/* Both slots have one port; without the second, every connection is the worker's. */
	listeners_keep(w->listeners, 0);
}

/* ---- starting */

Test(worker, serves_after_it_has_said_that_it_is_ready)
{
	struct world w;
	char pid[32];
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	fd = send_request(&w, "/pid");
	(void)snprintf(pid, sizeof(pid), "\r\n\r\n%d\n", (int)w.pid);
	cr_assert_not_null(strstr(receive(fd, pid), pid));
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, who_is_held_does_not_accept_until_it_may)
{
	struct pollfd polled;
	struct world w;

	begin_so(&w, true, "", "");
	expect_message(&w, CONTROL_READY);
	close_other_slot(&w);
	polled = (struct pollfd){ .fd = send_request(&w, "/pid"), .events = POLLIN };
	cr_assert_eq(poll(&polled, 1, 100), 0);
	cr_assert_eq(control_send_serve(w.control), 0);
	cr_assert_not_null(strstr(receive(polled.fd, "\r\n\r\n"), "200 OK"));
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, who_is_held_may_be_told_to_end)
{
	struct world w;

	begin_so(&w, true, "", "");
	expect_message(&w, CONTROL_READY);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, when_it_is_replaced_it_says_that_it_does_not_accept_and_lets_the_idle_be)
{
	static const char next[] = "GET /pid HTTP/1.1\r\nHost: x\r\n\r\n";
	struct world w;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	fd = send_request(&w, "/pid");
	(void)receive(fd, "\r\n\r\n");
	cr_assert_eq(control_send_drain_how(w.control, CONTROL_DRAIN_REPLACED), 0);
	expect_message(&w, CONTROL_LEAVING);
	cr_assert_eq(send(fd, next, strlen(next), MSG_NOSIGNAL), (ssize_t)strlen(next));
	cr_assert_not_null(strstr(receive(fd, NULL), "connection: close\r\n"));
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, tells_the_master_why_a_module_cannot_start)
{
	struct ipc_message message;
	struct world w;

	begin(&w, ", startup: fail", "");
	cr_assert_eq(hear(&w, &message), 1);
	cr_assert_eq(message.type, (uint32_t)CONTROL_FAILED);
	cr_assert_not_null(strstr(message.text, "the stars are wrong"), "%s", message.text);
	cr_assert_eq(exit_code(&w), EXIT_CODE_START);
	done(&w);
}

Test(worker, tells_the_master_what_cannot_be_bound)
{
	struct ipc_message message;
	struct world w;

	begin(&w, "", "  - {path: /x, handler: e2e_process.pidd}\n");
	cr_assert_eq(hear(&w, &message), 1);
	cr_assert_eq(message.type, (uint32_t)CONTROL_FAILED);
	cr_assert_not_null(strstr(message.text, "pidd"), "%s", message.text);
	cr_assert_eq(exit_code(&w), EXIT_CODE_START);
	done(&w);
}

Test(worker, leaves_when_it_is_told_to_while_it_starts)
{
	struct world w;

	begin(&w, ", startup: wait", "");
	expect_said(&w, "e2e_process.startup: waits");
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

/* ---- stopping */

Test(worker, shuts_its_modules_down_when_it_is_told_to_drain)
{
	struct world w;

	begin_serving(&w, "");
	cr_assert_eq(control_send_drain(w.control), 0);
	expect_said(&w, "e2e_process.drain: says goodbye");
	expect_said(&w, "e2e_process.shutdown: shuts down");
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, closes_an_idle_connection_at_once)
{
	struct world w;
	int fd;

	begin_serving(&w, "graceful_timeout: 1h\n");
	close_other_slot(&w);
	fd = send_request(&w, "/pid");
	(void)receive(fd, "\r\n\r\n");
	cr_assert_eq(control_send_drain(w.control), 0);
	(void)receive(fd, NULL);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, finishes_what_is_in_flight_and_says_close)
{
	struct world w;
	const char *answer;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	fd = send_request(&w, "/until/go");
	expect_said(&w, "waits for go");
	cr_assert_eq(control_send_drain(w.control), 0);
	expect_said(&w, "says goodbye");
	create("go");
	answer = receive(fd, NULL);
	cr_assert_not_null(strstr(answer, "go has come"), "%s", answer);
	cr_assert_not_null(strcasestr(answer, "connection: close"), "%s", answer);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	(void)unlink("go");
	done(&w);
}

Test(worker, refuses_clients_from_the_beginning_of_the_drain)
{
	struct world w;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	fd = send_request(&w, "/until/go");
	expect_said(&w, "waits for go");
	close_listeners(&w);
	cr_assert_eq(control_send_drain(w.control), 0);
	expect_said(&w, "says goodbye");
	cr_assert_eq(try_connect(&w), -ECONNREFUSED);
	create("go");
	(void)receive(fd, NULL);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	(void)unlink("go");
	done(&w);
}

Test(worker, answers_who_was_waiting_in_the_queue_when_the_drain_began)
{
	struct world w;
	int busy, queued[5];

	begin_serving(&w, "");
	close_other_slot(&w);
	busy = send_request(&w, "/stuck/go");
	expect_said(&w, "is stuck");
	/* Nobody accepts these: the kernel has them. */
	for (int i = 0; i < 5; i++)
		queued[i] = send_request(&w, "/pid");
	close_listeners(&w);
	cr_assert_eq(control_send_drain(w.control), 0);
	create("go");
	for (int i = 0; i < 5; i++)
		cr_assert_not_null(strstr(receive(queued[i], NULL), "200 OK"));
	cr_assert_not_null(strstr(receive(busy, NULL), "go has come"));
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	(void)unlink("go");
	done(&w);
}

Test(worker, cancels_what_is_in_flight_when_the_grace_is_over)
{
	struct world w;
	int fd;

	begin_serving(&w, "graceful_timeout: 100ms\n");
	close_other_slot(&w);
	fd = send_request(&w, "/until/never");
	expect_said(&w, "waits for never");
	cr_assert_eq(control_send_drain(w.control), 0);
	expect_said(&w, "was cancelled, reason 2");
	cr_assert_not_null(strstr(receive(fd, NULL), " 503 "));
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, takes_sigterm_for_a_drain_and_tells_the_master)
{
	struct world w;

	begin_serving(&w, "");
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	expect_message(&w, CONTROL_LEAVING);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	done(&w);
}

Test(worker, is_not_hurried_by_a_second_sigterm)
{
	struct world w;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	fd = send_request(&w, "/until/go");
	expect_said(&w, "waits for go");
	cr_assert_eq(control_send_drain(w.control), 0);
	expect_said(&w, "says goodbye");
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	cr_assert_eq(kill(w.pid, SIGINT), 0);
	create("go");
	cr_assert_not_null(strstr(receive(fd, NULL), "go has come"));
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	(void)unlink("go");
	done(&w);
}

/* ---- the master */

Test(worker, drains_when_the_master_has_died)
{
	struct world w;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	fd = send_request(&w, "/until/go");
	expect_said(&w, "waits for go");
	(void)close(w.control);
	w.control = -1;
	expect_said(&w, "the master is gone");
	create("go");
	cr_assert_not_null(strstr(receive(fd, NULL), "go has come"));
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	(void)unlink("go");
	done(&w);
}

Test(worker, does_not_outlive_a_dead_master_for_long_when_a_handler_does_not_end)
{
	struct world w;
	int fd, status;

	begin_serving(&w, "graceful_timeout: 0s\n");
	close_other_slot(&w);
	fd = send_request(&w, "/stubborn/never");
	expect_said(&w, "is stubborn");
	(void)close(w.control);
	w.control = -1;
	status = end_status(&w);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGALRM);
	(void)close(fd);
	done(&w);
}

Test(worker, serves_an_adopted_slot_until_it_is_returned)
{
	struct ipc_message message;
	struct world w;
	int fds[1];

	begin_serving(&w, "");
	fds[0] = listeners_fd(w.listeners, 1, 0);
	cr_assert_eq(control_send_adopt(w.control, 1, fds, 1), 0);
	/* Whichever socket the kernel chooses for it, each is answered. */
	for (int i = 0; i < 20; i++) {
		int fd = send_request(&w, "/pid");

		cr_assert_not_null(strstr(receive(fd, "\r\n\r\n"), "200 OK"));
		(void)close(fd);
	}
	control_send_return(w.control, 1);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	cr_assert_eq(control_receive(w.control, &message), 0);
	done(&w);
}

Test(worker, answers_503_for_a_route_that_the_master_has_closed)
{
	struct world w;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	cr_assert_eq(control_send_close(w.control, 0), 0);
	cr_assert_eq(control_send_close(w.control, 1000), 0); /* there is none */
	fd = send_request(&w, "/until/go"); /* who is answered has read what came before */
	create("go");
	cr_assert_not_null(strstr(receive(fd, "go has come"), "200 OK"));
	fd = send_request(&w, "/pid");
	cr_assert_not_null(strstr(receive(fd, "\r\n\r\n"), " 503 "));
	(void)close(fd);
	(void)unlink("go");
	done(&w);
}

Test(worker, notes_the_last_handler_for_the_master)
{
	char name[WORKER_NOTES_NAME];
	struct world w;
	int fd;

	begin_serving(&w, "");
	close_other_slot(&w);
	worker_notes_read(&w.notes, 0, name);
	cr_assert_str_eq(name, "");
	fd = send_request(&w, "/stuck/never");
	expect_said(&w, "is stuck");
	cr_assert_eq(kill(w.pid, SIGKILL), 0);
	cr_assert(WIFSIGNALED(end_status(&w)));
	worker_notes_read(&w.notes, 0, name);
	cr_assert_str_eq(name, "e2e_process.stuck");
	(void)close(fd);
	done(&w);
}
