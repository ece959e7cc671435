/*
 * e2e_jobs.c - jobs, good ones and all kinds of bad ones. It needs no server to be loaded, so that
 * the unit test of job processes loads it too.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/job.h>

static int echo(weir_work *work, weir_str input)
{
	return weir_work_result(work, input);
}

/* "-33": that is what it returns. */
static int returns(weir_work *work, weir_str input)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%.*s", WEIR_ARG(input));
	return atoi(text);
}

static int says_pid(weir_work *work, weir_str input)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	return weir_work_result(work, weir_strz(text));
}

/* Until it is not wanted any more; says its process first. */
static int waits(weir_work *work, weir_str input)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	(void)weir_work_report(work, "%d", (int)getpid());
	while (!weir_work_unwanted(work))
		(void)nanosleep(&moment, NULL);
	return -ECANCELED;
}

/* Until the file is there; then it is done. */
static int waits_for_file(weir_work *work, weir_str input)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%.*s", WEIR_ARG(input));
	(void)weir_work_report(work, "%d", (int)getpid());
	while (access(path, F_OK) < 0)
		(void)nanosleep(&moment, NULL);
	return weir_work_result(work, WEIR_STR("seen"));
}

/* For ever, whoever asks. */
static int never_returns(weir_work *work, weir_str input)
{
	volatile bool is_endless = true;

	(void)weir_work_report(work, "%d", (int)getpid());
	while (is_endless)
		continue;
	return 0;
}

static int crashes(weir_work *work, weir_str input)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
	return 0;
}

static int exits(weir_work *work, weir_str input)
{
	_exit(0);
}

static int raises_term(weir_work *work, weir_str input)
{
	(void)raise(SIGTERM);
	return weir_work_result(work, WEIR_STR("raised"));
}

static int allocates(weir_work *work, weir_str input)
{
	for (;;) {
		char *more = weir_work_alloc(work, 1024 * 1024);

		if (!more)
			return -ENOMEM;
		memset(more, 'x', 1024 * 1024);
	}
}

static int closes_all(weir_work *work, weir_str input)
{
	for (int fd = 0; fd < 1000; fd++)
		(void)close(fd);
	return 0;
}

static int wants_no_descriptors(weir_work *work, weir_str input)
{
	const struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_NOFILE, &none) < 0 ? -errno : 0;
}

/* Into every socket there is: the hub's and the master's. */
static int writes_garbage(weir_work *work, weir_str input)
{
	for (int fd = 3; fd < 100; fd++)
		(void)send(fd, "garbage", 7, MSG_DONTWAIT | MSG_NOSIGNAL);
	return weir_work_result(work, WEIR_STR("sent"));
}

/* A child that would stay. */
static int forks(weir_work *work, weir_str input)
{
	char text[16];
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return weir_work_result(work, weir_strz(text));
}

static int returns_much(weir_work *work, weir_str input)
{
	size_t len;
	char text[16], *bytes;

	(void)snprintf(text, sizeof(text), "%.*s", WEIR_ARG(input));
	len = strtoul(text, NULL, 10);
	bytes = weir_work_alloc(work, len);
	if (!bytes)
		return -ENOMEM;
	memset(bytes, 'm', len);
	return weir_work_result(work, (weir_str){ bytes, len });
}

/* ---- what a sandbox does not let it */

static int opens(weir_work *work, weir_str input, int flags)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%.*s", WEIR_ARG(input));
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static int reads(weir_work *work, weir_str input)
{
	return opens(work, input, O_RDONLY);
}

static int writes(weir_work *work, weir_str input)
{
	return opens(work, input, O_WRONLY | O_CREAT);
}

static int connects(weir_work *work, weir_str input)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static int execs(weir_work *work, weir_str input)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int traces(weir_work *work, weir_str input)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? -errno : 0;
}

WEIR_MODULE(.name = "e2e_jobs",
	    .jobs = WEIR_JOBS({ "echo", echo }, { "returns", returns }, { "says_pid", says_pid },
			      { "waits", waits }, { "waits_for_file", waits_for_file },
			      { "never_returns", never_returns }, { "crashes", crashes },
			      { "exits", exits }, { "raises_term", raises_term },
			      { "allocates", allocates }, { "closes_all", closes_all },
			      { "writes_garbage", writes_garbage }, { "forks", forks },
			      { "returns_much", returns_much }, { "reads", reads },
			      { "writes", writes }, { "connects", connects }, { "execs", execs },
			      { "traces", traces },
			      { "wants_no_descriptors", wants_no_descriptors }));
