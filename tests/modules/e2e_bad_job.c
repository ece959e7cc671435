/*
 * e2e_bad_job.c - jobs that do what a job must not do. Each ends in an error of its
 * own request, and nobody else notices: that is what tests/e2e/test_jobs.py shows.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "e2e_job.h"

static const volatile bool always = true;

static void block_a_moment(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 2 * 1000 * 1000 }, NULL);
}

static int crash(weir_work *work, weir_str input)
{
	abort();
}

static int leave(weir_work *work, weir_str input)
{
	exit(7);
}

static int leave_well(weir_work *work, weir_str input)
{
	_exit(0);
}

static int kill_itself(weir_work *work, weir_str input)
{
	(void)raise(SIGKILL);
	return 0;
}

static int stop_itself(weir_work *work, weir_str input)
{
	(void)weir_work_report(work, "pid %d", (int)getpid());
	(void)raise(SIGSTOP);
	return 0;
}

/* Not even a signal but SIGKILL ends it. */
static int never_return(weir_work *work, weir_str input)
{
	for (int number = 1; number < 32; number++)
		(void)signal(number, SIG_IGN);
	(void)weir_work_report(work, "pid %d", (int)getpid());
	while (always)
		;
	return 0;
}

/* Without end; a page at a time, so that it is really there. */
static int eat(weir_work *work, weir_str input)
{
	size_t size = (size_t)1 << 20;

	for (;;) {
		char *bytes = malloc(size);

		if (!bytes)
			return -ENOMEM;
		memset(bytes, 1, size);
		__asm__ volatile("" : : "r"(bytes) : "memory");
	}
}

/* The same without looking whether there is any. */
static int eat_blindly(weir_work *work, weir_str input)
{
	while (always) {
		char *bytes = malloc((size_t)1 << 20);

		memset(bytes, 1, (size_t)1 << 20);
		__asm__ volatile("" : : "r"(bytes) : "memory");
	}
	return 0;
}

static int eat_work(weir_work *work, weir_str input)
{
	for (;;) {
		char *bytes = weir_work_alloc(work, (size_t)1 << 20);

		if (!bytes)
			return -ENOMEM;
		memset(bytes, 1, (size_t)1 << 20);
	}
}

/* A child that stays: "fork 123", or why there is none. */
static int fork_away(weir_work *work, weir_str input)
{
	char text[32];
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			block_a_moment();
	}
	if (pid < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "fork %d", (int)pid);
	return weir_work_result(work, weir_strz(text));
}

/* A child that comes back from the job, too. */
static int fork_twice(weir_work *work, weir_str input)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	return weir_work_result(work, pid == 0 ? WEIR_STR("child") : WEIR_STR("parent"));
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* "12345 ...": 12345 random bytes on each of its sockets, over and over. */
static int talk_nonsense(weir_work *work, weir_str input)
{
	unsigned seed = 0;
	char bytes[2000];

	for (size_t i = 0; i < input.len; i++)
		seed = seed * 10 + (unsigned)(input.ptr[i] - '0');
	for (int n = 0; n < 20; n++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = (char)(seed >> 16);
		}
		for (int fd = 3; fd < 256; fd++) {
			if (is_socket(fd))
				(void)send(fd, bytes, 1 + seed % sizeof(bytes),
					   MSG_DONTWAIT | MSG_NOSIGNAL);
		}
	}
	return 0;
}

static int close_all(weir_work *work, weir_str input)
{
	for (int fd = 3; fd < 256; fd++)
		(void)close(fd);
	return 0;
}

static int shut_all(weir_work *work, weir_str input)
{
	for (int fd = 3; fd < 256; fd++) {
		if (is_socket(fd))
			(void)shutdown(fd, SHUT_RDWR);
	}
	while (always)
		block_a_moment();
	return 0;
}

/* Clocks that run while its process does, and so while the next job does. */
static int leave_timers(weir_work *work, weir_str input)
{
	const struct itimerval soon = { .it_value = { .tv_usec = 20000 } };

	if (setitimer(ITIMER_VIRTUAL, &soon, NULL) < 0 || setitimer(ITIMER_PROF, &soon, NULL) < 0)
		return -errno;
	return 0;
}

static int burn(weir_work *work, weir_str input)
{
	const clock_t end = clock() + CLOCKS_PER_SEC / 10;

	while (clock() < end)
		;
	return 0;
}

static int write_input(weir_work *work, weir_str input)
{
	*(char *)input.ptr = '!';
	return 0;
}

static int two_results(weir_work *work, weir_str input)
{
	int r = weir_work_result(work, WEIR_STR("one"));

	return r < 0 ? r : weir_work_result(work, WEIR_STR("two"));
}

static int too_much(weir_work *work, weir_str input)
{
	char text[16], *bytes;
	size_t len;
	int r;

	/* What lies behind it in memory may be a digit, too. */
	(void)snprintf(text, sizeof(text), "%.*s", WEIR_ARG(input));
	len = strtoul(text, NULL, 10);
	bytes = calloc(1, len);
	r = bytes ? weir_work_result(work, (weir_str){ bytes, len }) : -ENOMEM;
	free(bytes);
	return r;
}

static int try_connect(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_exec(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	return 0;
}

/* What a sandbox is for. The input is a file that it may read, or not. */
static int try_all(weir_work *work, weir_str input)
{
	char path[512], text[512];

	(void)snprintf(path, sizeof(path), "%.*s", WEIR_ARG(input));
	(void)snprintf(text, sizeof(text), "connect %d read %d write %d passwd %d exec %d",
		       try_connect(), try_open(path, O_RDONLY), try_open(path, O_WRONLY),
		       try_open("/etc/passwd", O_RDONLY), try_exec());
	return weir_work_result(work, weir_strz(text));
}

static int try_memory(pid_t pid)
{
	static char here, there;
	struct iovec to = { &here, 1 }, from = { &there, 1 };

	return process_vm_readv(pid, &to, 1, &from, 1, 0) < 0 ? -errno : 0;
}

static int error_of(long r)
{
	return r < 0 ? -errno : 0;
}

/* To another process of the same user, the master; nothing of it changes anything. */
static int try_others(weir_work *work, weir_str input)
{
	struct sched_param param = { 0 };
	pid_t pid = getppid();
	char text[512];
	cpu_set_t cpus;
	int n;

	(void)sched_getaffinity(pid, sizeof(cpus), &cpus);
	n = snprintf(text, sizeof(text), "nice %d pin %d policy %d param %d io %d limit %d ",
		     error_of(setpriority(PRIO_PROCESS, (id_t)pid,
					  getpriority(PRIO_PROCESS, (id_t)pid))),
		     error_of(sched_setaffinity(pid, sizeof(cpus), &cpus)),
		     error_of(sched_setscheduler(pid, SCHED_OTHER, &param)),
		     error_of(sched_setparam(pid, &param)),
		     error_of(syscall(SYS_ioprio_set, 1, pid, 0)),
		     error_of(prlimit(pid, RLIMIT_CORE, NULL, &(struct rlimit){ 0 })));
	(void)snprintf(text + n, sizeof(text) - (size_t)n, "signal %d thread %d pidfd %d memory %d",
		       error_of(kill(pid, 0)), error_of(syscall(SYS_tgkill, pid, pid, 0)),
		       error_of(syscall(SYS_pidfd_open, pid, 0)), try_memory(pid));
	return weir_work_result(work, weir_strz(text));
}

WEIR_MODULE(.name = "e2e_bad_job", .handlers = E2E_JOB_HANDLERS,
	    .jobs = WEIR_JOBS({ "crash", crash }, { "exit", leave }, { "exit_well", leave_well },
			      { "kill", kill_itself }, { "stop", stop_itself },
			      { "never", never_return }, { "eat", eat },
			      { "eat_blindly", eat_blindly }, { "eat_work", eat_work },
			      { "fork", fork_away }, { "fork_twice", fork_twice },
			      { "nonsense", talk_nonsense }, { "close", close_all },
			      { "shut", shut_all }, { "write_input", write_input },
			      { "two_results", two_results }, { "too_much", too_much },
			      { "leave_timers", leave_timers }, { "burn", burn },
			      { "try", try_all }, { "try_others", try_others }));
