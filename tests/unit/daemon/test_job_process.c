/* test_job_process.c - a job process whose master and hub are the test. */
#include "daemon/job_process.h"

#include <errno.h>
#include <fcntl.h>
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
#include "daemon/job_wire.h"

#define PATIENCE_MS 10000

struct world {
	struct fixture fixture;
	pid_t pid;
	int control_fd, pipe_fd;
	struct ipc_message message;
	struct job_packet packet;
	char buf[JOB_PACKET_MAX];
};

/* memory: instead of what a configuration may say. */
static void begin_with(struct world *w, const char *jobs, uint64_t memory)
{
	char text[512];
	int ends[2];

	memset(w, 0, sizeof(*w));
	w->pipe_fd = -1;
	(void)signal(SIGPIPE, SIG_IGN);
	fixture_init(&w->fixture);
	(void)snprintf(text, sizeof(text),
		       "modules: [{path: " TEST_MODULES "/e2e_jobs.so}]\njobs: {%s}\n", jobs);
	fixture_load(&w->fixture, text);
	cr_assert_eq(w->fixture.r, 0, "%s", w->fixture.said);
	if (memory > 0)
		((struct conf_job_pool *)(uintptr_t)w->fixture.conf->jobs.pools)->memory = memory;
	cr_assert_eq(ipc_pair(ends), 0);
	w->pid = fork();
	cr_assert_geq(w->pid, 0);
	if (w->pid == 0) {
		struct job_setup setup = { .conf = w->fixture.conf };
		struct job_args args = { .pool = "default", .control_fd = ends[1], .arg = &setup };
		struct log log;

		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		log_init(&log, STDERR_FILENO, LOG_AT_INFO);
		args.log = &log;
		/* As if they were the daemon's. */
		(void)open("/dev/zero", O_RDONLY);
		_exit(job_process_main(&args));
	}
	(void)close(ends[1]);
	w->control_fd = ends[0];
}

static void begin(struct world *w, const char *jobs)
{
	begin_with(w, jobs, 0);
}

static void wait_for(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "nothing came");
}

static void expect_ready(struct world *w)
{
	wait_for(w->control_fd);
	cr_assert_eq(control_receive(w->control_fd, &w->message), 1);
	cr_assert_eq(w->message.type, (uint32_t)CONTROL_READY, "%s", w->message.text);
}

static bool receive(struct world *w)
{
	int r;

	wait_for(w->pipe_fd);
	r = job_wire_receive(w->pipe_fd, w->buf, &w->packet);
	cr_assert_geq(r, 0);
	return r == 1;
}

/* A hub, the first or the next. */
static void introduce(struct world *w)
{
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(control_send_hub(w->control_fd, 0, &ends[1], 1), 0);
	(void)close(ends[1]);
	close_fdp(&w->pipe_fd);
	w->pipe_fd = ends[0];
}

static void expect_idle(struct world *w)
{
	cr_assert(receive(w));
	cr_assert_eq(w->packet.word, JOB_IDLE);
	cr_assert_eq(w->packet.id, (uint64_t)w->pid);
}

static void begin_met(struct world *w, const char *jobs)
{
	begin(w, jobs);
	expect_ready(w);
	introduce(w);
	expect_idle(w);
}

static void run(struct world *w, const char *name, const char *input)
{
	struct job_packet packet = { .word = JOB_RUN,
				     .id = 5,
				     .deadline_ms = INT64_MAX,
				     .module = WEIR_STR("e2e_jobs"),
				     .name = weir_strz(name),
				     .bytes = weir_strz(input),
				     .fd = -1 };

	cr_assert_eq(job_wire_send(w->pipe_fd, &packet), 0);
}

static void expect(struct world *w, enum job_word word)
{
	cr_assert(receive(w), "it has died");
	cr_assert_eq(w->packet.word, word, "%d", (int)w->packet.word);
}

static void expect_ended(struct world *w, int result)
{
	expect(w, JOB_ENDED);
	cr_assert_eq(w->packet.result, result, "%d", w->packet.result);
}

/* How it ended. */
static int status_of(struct world *w)
{
	int status;

	cr_assert_eq(waitpid(w->pid, &status, 0), w->pid);
	fixture_done(&w->fixture);
	return status;
}

static void end(struct world *w)
{
	int status;

	cr_assert_eq(control_send_drain(w->control_fd), 0);
	status = status_of(w);
	cr_assert(WIFEXITED(status), "%d", status);
	cr_assert_eq(WEXITSTATUS(status), EXIT_CODE_OK);
}

Test(job_process, runs_the_jobs_of_its_modules)
{
	struct world w;

	begin_met(&w, "");
	run(&w, "echo", "hello");
	expect_ended(&w, 0);
	cr_assert(weir_str_eq(w.packet.bytes, WEIR_STR("hello")));
	run(&w, "returns", "-33");
	expect_ended(&w, -33);
	end(&w);
}

/* Where the descriptor leads, as /proc says. */
static const char *leads_to(const struct world *w, int fd, char ret_to[64])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)w->pid, fd);
	n = readlink(path, ret_to, 63);
	ret_to[n > 0 ? n : 0] = '\0';
	return ret_to;
}

Test(job_process, has_no_descriptor_it_does_not_need)
{
	char dir[64], to[64];
	const struct dirent *entry;
	unsigned n_sockets = 0;
	struct world w;
	DIR *fds;

	begin_met(&w, "");
	(void)snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)w.pid);
	fds = opendir(dir);
	cr_assert_not_null(fds);
	while ((entry = readdir(fds))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == STDERR_FILENO)
			continue;
		(void)leads_to(&w, fd, to);
		if (fd < 2)
			cr_assert_str_eq(to, "/dev/null");
		else
			cr_assert(strncmp(to, "socket:", 7) == 0, "%d leads to %s", fd, to);
		n_sockets += fd > 2;
	}
	/* The master's and the hub's. */
	cr_assert_eq(n_sockets, 2u);
	(void)closedir(fds);
	end(&w);
}

Test(job_process, is_the_first_of_its_group)
{
	struct world w;

	begin_met(&w, "");
	cr_assert_eq(getpgid(w.pid), w.pid);
	end(&w);
}

Test(job_process, goes_to_the_next_hub)
{
	struct world w;

	begin_met(&w, "");
	run(&w, "echo", "one");
	expect_ended(&w, 0);
	(void)close(w.pipe_fd);
	w.pipe_fd = -1;
	introduce(&w);
	expect_idle(&w);
	run(&w, "echo", "two");
	expect_ended(&w, 0);
	end(&w);
}

Test(job_process, what_the_last_hub_wanted_the_next_does_not_hear_of)
{
	struct world w;

	begin_met(&w, "");
	run(&w, "waits", "");
	expect(&w, JOB_PROGRESS);
	introduce(&w);
	expect_idle(&w);
	run(&w, "echo", "two");
	expect_ended(&w, 0);
	cr_assert(weir_str_eq(w.packet.bytes, WEIR_STR("two")));
	end(&w);
}

Test(job_process, finishes_what_it_runs_when_it_is_told_to_end)
{
	struct job_packet cancel = { .word = JOB_CANCEL, .id = 5, .fd = -1 };
	struct world w;

	begin_met(&w, "");
	run(&w, "waits", "");
	expect(&w, JOB_PROGRESS);
	cr_assert_eq(control_send_drain(w.control_fd), 0);
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	cr_assert_eq(job_wire_send(w.pipe_fd, &cancel), 0);
	expect_ended(&w, -ECANCELED);
	cr_assert_not(receive(&w));
	cr_assert_eq(status_of(&w), 0);
}

Test(job_process, ends_by_signal_while_it_waits)
{
	struct world w;

	begin_met(&w, "");
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	cr_assert_not(receive(&w));
	cr_assert_eq(status_of(&w), 0);
}

Test(job_process, a_job_that_raises_sigterm_ends_first)
{
	struct world w;

	begin_met(&w, "");
	run(&w, "raises_term", "");
	expect_ended(&w, 0);
	cr_assert_not(receive(&w));
	cr_assert_eq(status_of(&w), 0);
}

Test(job_process, without_a_master_it_stays_for_the_hub)
{
	struct world w;

	begin_met(&w, "");
	(void)close(w.control_fd);
	/* As the kernel does, then. */
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	run(&w, "echo", "one");
	expect_ended(&w, 0);
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	run(&w, "echo", "two");
	expect_ended(&w, 0);
	(void)close(w.pipe_fd);
	cr_assert_eq(status_of(&w), 0);
}

Test(job_process, without_a_master_and_a_hub_it_ends)
{
	struct world w;

	begin(&w, "");
	expect_ready(&w);
	(void)close(w.control_fd);
	cr_assert_eq(status_of(&w), 0);
}

Test(job_process, says_why_it_cannot_start)
{
	struct world w;
	int status;

	begin_with(&w, "", 1024 * 1024);
	wait_for(w.control_fd);
	cr_assert_eq(control_receive(w.control_fd, &w.message), 1);
	cr_assert_eq(w.message.type, (uint32_t)CONTROL_FAILED);
	cr_assert_not_null(strstr(w.message.text, "memory: 1024 KiB are too few"), "%s",
			   w.message.text);
	status = status_of(&w);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CODE_START);
}

Test(job_process, a_job_that_uses_too_much_cpu_dies)
{
	struct world w;

	begin_met(&w, "cpu_time: 1s");
	run(&w, "never_returns", "");
	expect(&w, JOB_PROGRESS);
	cr_assert_not(receive(&w));
	cr_assert_eq(WTERMSIG(status_of(&w)), SIGXCPU);
}

Test(job_process, a_job_that_uses_too_much_memory_fails)
{
	struct world w;

#if defined(__SANITIZE_ADDRESS__)
	return; /* terabytes of address space before it begins */
#endif
	begin_met(&w, "memory: 512MiB");
	run(&w, "allocates", "");
	expect_ended(&w, -ENOMEM);
	run(&w, "echo", "one");
	expect_ended(&w, 0);
	end(&w);
}

Test(job_process, a_job_that_closes_everything_ends_its_process)
{
	struct world w;

	begin_met(&w, "");
	run(&w, "closes_all", "");
	cr_assert_not(receive(&w));
	cr_assert_eq(WEXITSTATUS(status_of(&w)), EXIT_CODE_SYSTEM);
}

/* It cannot even wait: the next job must find another one. */
Test(job_process, a_job_that_leaves_no_descriptors_ends_its_process)
{
	struct world w;

	begin_met(&w, "");
	run(&w, "wants_no_descriptors", "");
	expect_ended(&w, 0);
	cr_assert_not(receive(&w));
	cr_assert_eq(WEXITSTATUS(status_of(&w)), EXIT_CODE_SYSTEM);
}
