/*
 * test_job_run.c - a process that runs jobs, which are functions of this file, and a test that is
 * its hub. Each test has a process of its own to spoil.
 */
#include "daemon/job_run.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/module.h"
#include "base/log.h"
#include "conf/conf.h"
#include "daemon/binding.h"
#include "daemon/job_wire.h"
#include "daemon/worker_notes.h"
#include "io/sealed.h"

#define PATIENCE_MS 10000
#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define MAX_RESULT (1024 * 1024)

struct world {
	pid_t pid;
	int pipe_fd, log_fd;
	struct worker_notes notes;
	struct job_packet packet; /* the last that came */
	char buf[JOB_PACKET_MAX];
};

/* ---- jobs */

static int echo(weir_work *work, weir_str input)
{
	weir_work_log(work, WEIR_LOG_WARN, "of %.*s", WEIR_ARG(weir_work_traceparent(work)));
	return weir_work_result(work, input);
}

static int fails(weir_work *work, weir_str input)
{
	cr_assert_eq(weir_work_result(work, input), 0);
	return -EDOM;
}

static int counts(weir_work *work, weir_str input)
{
	for (int i = 1; i <= 3; i++) {
		if (weir_work_report(work, "%d", i) < 0)
			return -EIO;
	}
	return 0;
}

/* Until it is told that it may. */
static int waits(weir_work *work, weir_str input)
{
	(void)weir_work_report(work, "waiting");
	while (!weir_work_unwanted(work))
		continue;
	return -ECANCELED;
}

static int closes_all(weir_work *work, weir_str input)
{
	for (int fd = 3; fd < 1000; fd++)
		(void)close(fd);
	return 0;
}

static int closes_control(weir_work *work, weir_str input)
{
	return close(STDIN_FILENO) == 0 ? 0 : -errno;
}

/* What has our pipe's number is now something else, which would take what is sent. */
static int takes_their_place(weir_work *work, weir_str input)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		return -errno;
	for (int fd = 3; fd < 100; fd++) {
		if (fd != ends[0] && fd != ends[1])
			(void)dup2(ends[0], fd);
	}
	return 0;
}

static int leaves_a_child(weir_work *work, weir_str input)
{
	char text[32];
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return weir_work_result(work, weir_strz(text));
}

/* A daemon as it is in the book: its parent is gone, its session is its own. */
static int leaves_a_daemon(weir_work *work, weir_str input)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		pid = fork();
		if (pid > 0) {
			(void)!write(ends[1], &pid, sizeof(pid));
			_exit(0);
		}
		for (;;)
			(void)pause();
	}
	if (read(ends[0], &pid, sizeof(pid)) != sizeof(pid))
		return -EIO;
	return weir_work_result(work, (weir_str){ (const char *)&pid, sizeof(pid) });
}

static int comes_back_twice(weir_work *work, weir_str input)
{
	pid_t pid = fork();

	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return weir_work_result(work, pid == 0 ? WEIR_STR("child") : WEIR_STR("parent"));
}

static int leaves_an_alarm(weir_work *work, weir_str input)
{
	sigset_t all;

	(void)alarm(1);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	return 0;
}

static int says_whether_signals_are_blocked(weir_work *work, weir_str input)
{
	sigset_t now;

	(void)sigprocmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, SIGUSR1) || sigismember(&now, SIGTERM) ? -EBUSY : 0;
}

static const int own_signals[] = { SIGTERM, SIGALRM, SIGXCPU };

static int ignores_signals(weir_work *work, weir_str input)
{
	for (size_t i = 0; i < ARRAY_LEN(own_signals); i++)
		(void)signal(own_signals[i], SIG_IGN);
	return 0;
}

static int says_which_signals_are_ignored(weir_work *work, weir_str input)
{
	struct sigaction now;

	for (size_t i = 0; i < ARRAY_LEN(own_signals); i++) {
		(void)sigaction(own_signals[i], NULL, &now);
		if (now.sa_handler == SIG_IGN)
			return -own_signals[i];
	}
	return 0;
}

static int exits(weir_work *work, weir_str input)
{
	_exit(7);
}

static int large(weir_work *work, weir_str input)
{
	char *bytes = weir_work_alloc(work, 300000);

	memset(bytes, 'L', 300000);
	return weir_work_result(work, (weir_str){ bytes, 300000 });
}

static int too_large(weir_work *work, weir_str input)
{
	char *bytes = weir_work_alloc(work, MAX_RESULT + 1);

	memset(bytes, 'x', MAX_RESULT + 1);
	return weir_work_result(work, (weir_str){ bytes, MAX_RESULT + 1 });
}

static int measures(weir_work *work, weir_str input)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%zu %c", input.len, input.ptr[input.len - 1]);
	return weir_work_result(work, weir_strz(text));
}

static int overflows_a_small_stack(weir_work *work, weir_str input)
{
	volatile char many[6 * 1024 * 1024];

	for (size_t i = 0; i < sizeof(many); i += 4096)
		many[i] = 'x';
	return many[4096] == 'x' ? 0 : -EIO;
}

static const weir_job_entry jobs[] = {
	{ "echo", echo },
	{ "fails", fails },
	{ "counts", counts },
	{ "waits", waits },
	{ "closes_all", closes_all },
	{ "closes_control", closes_control },
	{ "takes_their_place", takes_their_place },
	{ "leaves_a_child", leaves_a_child },
	{ "leaves_a_daemon", leaves_a_daemon },
	{ "comes_back_twice", comes_back_twice },
	{ "leaves_an_alarm", leaves_an_alarm },
	{ "says_whether_signals_are_blocked", says_whether_signals_are_blocked },
	{ "ignores_signals", ignores_signals },
	{ "says_which_signals_are_ignored", says_which_signals_are_ignored },
	{ "exits", exits },
	{ "large", large },
	{ "too_large", too_large },
	{ "measures", measures },
	{ "overflows_a_small_stack", overflows_a_small_stack },
	{ 0 },
};

/* ---- the process */

__attribute__((noreturn)) static void live(struct world *w, int pipe_fd, int log_fd)
{
	static const weir_module def = { .size = sizeof(weir_module),
					 .handler_size = sizeof(weir_handler_entry),
					 .job_size = sizeof(weir_job_entry),
					 .abi_major = WEIR_ABI_MAJOR,
					 .abi_minor = WEIR_ABI_MINOR,
					 .name = "test",
					 .jobs = jobs };
	const struct conf_job_pool pool = { .name = "default", .recycle_resident = 1 };
	struct job_limits limits = { 0 };
	struct buf words = { 0 };
	struct weir_app *app = NULL;
	struct binding binding = { .apps = &app, .n_apps = 1 };
	struct job_run run;
	struct log log;
	int r = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	log_init(&log, log_fd, LOG_AT_INFO);
	log.has_time = false;
	if (module_wrap(&def, &log, &words, &app) < 0)
		_exit(98);
	if (job_run_init(&run, &(struct job_run_setup){ .binding = &binding,
							.pool = &pool,
							.pool_index = 3,
							.max_result = MAX_RESULT,
							.limits = &limits,
							.logs_ids = true,
							.note = worker_notes_at(&w->notes, 0),
							.log = &log,
							.control_fd = STDIN_FILENO }) < 0)
		_exit(99);
	job_run_meet(&run, pipe_fd);
	while (r == 1 || r == -EAGAIN) {
		struct pollfd polled = { .fd = pipe_fd, .events = POLLIN };

		(void)poll(&polled, 1, -1);
		r = job_run_next(&run);
		if (run.is_asked)
			_exit(42);
	}
	job_run_done(&run);
	_exit(r == 0 ? 0 : 71);
}

static void begin(struct world *w)
{
	int ends[2], log_ends[2];

	memset(w, 0, sizeof(*w));
	cr_assert_eq(worker_notes_init(&w->notes, 1), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
		     0);
	cr_assert_eq(pipe2(log_ends, O_CLOEXEC), 0);
	w->pid = fork();
	cr_assert_geq(w->pid, 0);
	if (w->pid == 0) {
		(void)close(ends[0]);
		(void)close(log_ends[0]);
		live(w, ends[1], log_ends[1]);
	}
	(void)close(ends[1]);
	(void)close(log_ends[1]);
	w->pipe_fd = ends[0];
	w->log_fd = log_ends[0];
}

/* ---- the hub */

/* Into w->packet; false at the end of the pipe. */
static bool receive(struct world *w)
{
	struct pollfd polled = { .fd = w->pipe_fd, .events = POLLIN };
	int r;

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "nothing came");
	r = job_wire_receive(w->pipe_fd, w->buf, &w->packet);
	cr_assert_geq(r, 0, "%d", r);
	return r == 1;
}

static void run_with(struct world *w, const char *name, weir_str bytes, int fd, uint64_t fd_len)
{
	struct job_packet packet = { .word = JOB_RUN,
				     .id = 5,
				     .deadline_ms = INT64_MAX,
				     .module = WEIR_STR("test"),
				     .name = weir_strz(name),
				     .request_id = WEIR_STR("abc-1"),
				     .traceparent = WEIR_STR(TRACEPARENT),
				     .bytes = bytes,
				     .fd = fd,
				     .fd_len = fd_len };

	cr_assert_eq(job_wire_send(w->pipe_fd, &packet), 0);
}

static void run(struct world *w, const char *name)
{
	run_with(w, name, WEIR_STR("input"), -1, 0);
}

static void expect_ended(struct world *w, int result)
{
	cr_assert(receive(w), "it has died");
	cr_assert_eq(w->packet.word, JOB_ENDED, "%d", (int)w->packet.word);
	cr_assert_eq(w->packet.id, 5u);
	cr_assert_eq(w->packet.result, result, "%d", w->packet.result);
}

static void meet(struct world *w)
{
	begin(w);
	cr_assert(receive(w));
	cr_assert_eq(w->packet.word, JOB_IDLE);
}

/* The pipe is over; how it ended. */
static int end(struct world *w)
{
	int status;

	(void)close(w->pipe_fd);
	cr_assert_eq(waitpid(w->pid, &status, 0), w->pid);
	cr_assert(WIFEXITED(status), "%d", status);
	return WEXITSTATUS(status);
}

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

Test(job_run, says_that_it_takes_a_job)
{
	struct world w;

	meet(&w);
	cr_assert_eq(w.packet.id, (uint64_t)w.pid);
	cr_assert_eq(w.packet.route, 3u);
	cr_assert_gt(w.packet.resident, 100000u);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, runs_one_job_after_the_other)
{
	struct world w;

	meet(&w);
	for (int i = 0; i < 3; i++) {
		run(&w, "echo");
		expect_ended(&w, 0);
		cr_assert(weir_str_eq(w.packet.bytes, WEIR_STR("input")));
		cr_assert_gt(w.packet.resident, 100000u);
	}
	cr_assert_eq(end(&w), 0);
}

Test(job_run, hands_on_an_error_without_the_result)
{
	struct world w;

	meet(&w);
	run(&w, "fails");
	expect_ended(&w, -EDOM);
	cr_assert_eq(w.packet.bytes.len, 0u);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, knows_no_other_jobs)
{
	struct world w;

	meet(&w);
	run(&w, "nothing");
	expect_ended(&w, -ENOENT);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, hands_on_reports)
{
	struct world w;

	meet(&w);
	run(&w, "counts");
	for (char i = '1'; i <= '3'; i++) {
		cr_assert(receive(&w));
		cr_assert_eq(w.packet.word, JOB_PROGRESS);
		cr_assert_eq(w.packet.id, 5u);
		cr_assert_eq(w.packet.bytes.ptr[0], i);
	}
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, passes_large_payloads_as_descriptors)
{
	size_t len = 200000;
	char *bytes = malloc(len);
	weir_str mapped = { 0 };
	struct world w;
	int fd = -1;

	memset(bytes, 'b', len);
	cr_assert_eq(sealed_new((weir_str){ bytes, len }, &fd), 0);
	meet(&w);
	run_with(&w, "measures", WEIR_STR(""), fd, len);
	expect_ended(&w, 0);
	cr_assert(weir_str_eq(w.packet.bytes, WEIR_STR("200000 b")));
	run(&w, "large");
	expect_ended(&w, 0);
	cr_assert_eq(w.packet.fd_len, 300000u);
	cr_assert_eq(sealed_map(w.packet.fd, w.packet.fd_len, &mapped), 0);
	cr_assert_eq(mapped.ptr[299999], 'L');
	sealed_unmap(mapped);
	(void)close(w.packet.fd);
	(void)close(fd);
	free(bytes);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, believes_no_descriptor)
{
	struct world w;

	meet(&w);
	run_with(&w, "measures", WEIR_STR(""), STDIN_FILENO, 70000);
	expect_ended(&w, -EPROTO);
	run_with(&w, "measures", WEIR_STR(""), -1, 70000);
	expect_ended(&w, -ENOMEM);
	run(&w, "echo");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, a_result_has_a_limit)
{
	struct world w;

	meet(&w);
	run(&w, "too_large");
	expect_ended(&w, -EMSGSIZE);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, a_job_has_the_stack_of_a_program)
{
	struct world w;

	meet(&w);
	run(&w, "overflows_a_small_stack");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

static void cancel(struct world *w, uint64_t id)
{
	struct job_packet packet = { .word = JOB_CANCEL, .id = id, .fd = -1 };

	cr_assert_eq(job_wire_send(w->pipe_fd, &packet), 0);
}

Test(job_run, a_job_is_asked_to_end)
{
	struct world w;

	meet(&w);
	run(&w, "waits");
	cr_assert(receive(&w));
	cr_assert_eq(w.packet.word, JOB_PROGRESS);
	cancel(&w, 4); /* of one that has ended already */
	cancel(&w, 5);
	expect_ended(&w, -ECANCELED);
	run(&w, "echo");
	expect_ended(&w, 0);
	cancel(&w, 5);
	run(&w, "echo");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, nobody_wants_a_job_without_a_hub)
{
	struct world w;

	meet(&w);
	run(&w, "waits");
	cr_assert(receive(&w));
	cr_assert_eq(end(&w), 0);
}

Test(job_run, the_master_can_read_what_runs)
{
	char name[WORKER_NOTES_NAME];
	struct world w;

	meet(&w);
	run(&w, "waits");
	cr_assert(receive(&w));
	worker_notes_read(&w.notes, 0, name);
	cr_assert_str_eq(name, "test.waits [abc-1]");
	cancel(&w, 5);
	expect_ended(&w, -ECANCELED);
	worker_notes_read(&w.notes, 0, name);
	cr_assert_str_eq(name, "");
	run(&w, "exits");
	cr_assert_not(receive(&w));
	worker_notes_read(&w.notes, 0, name);
	cr_assert_str_eq(name, "test.exits [abc-1]");
	cr_assert_eq(end(&w), 7);
}

/* ---- what they leave behind */

static void expect_log(struct world *w, const char *words)
{
	char text[1024];
	ssize_t n = read(w->log_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	cr_assert_not_null(strstr(text, words), "%s", text);
}

Test(job_run, a_job_knows_whose_it_is_and_so_does_its_line)
{
	struct world w;

	meet(&w);
	run(&w, "echo");
	expect_ended(&w, 0);
	expect_log(&w, "warn: test.echo: of " TRACEPARENT " [abc-1]\n");
	cr_assert_eq(end(&w), 0);
}

Test(job_run, who_closes_our_descriptors_fails)
{
	char name[WORKER_NOTES_NAME];
	struct world w;

	meet(&w);
	run(&w, "closes_all");
	cr_assert_not(receive(&w));
	cr_assert_eq(end(&w), 71);
	worker_notes_read(&w.notes, 0, name);
	cr_assert_str_eq(name, "test.closes_all [abc-1]");
}

Test(job_run, who_closes_the_masters_socket_fails)
{
	struct world w;

	meet(&w);
	run(&w, "closes_control");
	cr_assert_not(receive(&w));
	cr_assert_eq(end(&w), 71);
	expect_log(&w, "test.closes_control has closed descriptors that are not its own [abc-1]");
}

Test(job_run, who_replaces_our_descriptors_fails)
{
	struct world w;

	meet(&w);
	run(&w, "takes_their_place");
	cr_assert_not(receive(&w));
	cr_assert_eq(end(&w), 71);
}

Test(job_run, children_end_with_their_job)
{
	char text[32] = "";
	struct world w;

	meet(&w);
	run(&w, "leaves_a_child");
	expect_ended(&w, 0);
	memcpy(text, w.packet.bytes.ptr, w.packet.bytes.len);
	cr_assert_gt(atoi(text), 1);
	cr_assert_not(is_alive((pid_t)atoi(text)));
	run(&w, "echo");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, daemons_end_with_their_job)
{
	struct world w;
	pid_t pid;

	meet(&w);
	run(&w, "leaves_a_daemon");
	expect_ended(&w, 0);
	cr_assert_eq(w.packet.bytes.len, sizeof(pid));
	memcpy(&pid, w.packet.bytes.ptr, sizeof(pid));
	cr_assert_gt(pid, 1);
	cr_assert_not(is_alive(pid));
	cr_assert_eq(end(&w), 0);
}

Test(job_run, a_child_does_not_answer)
{
	struct world w;

	meet(&w);
	run(&w, "comes_back_twice");
	expect_ended(&w, 0);
	cr_assert(weir_str_eq(w.packet.bytes, WEIR_STR("parent")));
	run(&w, "echo");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

Test(job_run, signals_are_as_they_were)
{
	struct world w;

	meet(&w);
	run(&w, "says_whether_signals_are_blocked");
	expect_ended(&w, 0);
	/* An alarm is how SIGTERM is told; one of a job's own looks the same, and costs its process. */
	run(&w, "leaves_an_alarm");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 42);
}

Test(job_run, what_ends_the_next_job_is_not_ignored)
{
	struct world w;

	meet(&w);
	run(&w, "ignores_signals");
	expect_ended(&w, 0);
	run(&w, "says_which_signals_are_ignored");
	expect_ended(&w, 0);
	cr_assert_eq(end(&w), 0);
}

/* ---- the hub speaks nonsense */

Test(job_run, ends_when_the_hub_makes_no_sense)
{
	struct world w;

	meet(&w);
	cr_assert_eq(send(w.pipe_fd, "nonsense", 8, 0), 8);
	cr_assert_not(receive(&w));
	cr_assert_eq(end(&w), 71);
	expect_log(&w, "the hub says what makes no sense");
}
