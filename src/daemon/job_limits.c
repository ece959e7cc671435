/* job_limits.c - see job_limits.h. */
#include "daemon/job_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "conf/conf.h"
#include "io/slice.h"

/* When memory runs out, a job goes before a worker. */
#define OOM_SCORE "500"
/* What a job process needs of its limit to run any job at all. */
#define ROOM ((uint64_t)4 * 1024 * 1024)

static int refuse(struct buf *words, int error, const char *what)
{
	buf_say(words, "%s: %s", what, strerror(-error));
	return error;
}

/* The first number in /proc/self/statm, in bytes; 0: not known. */
static uint64_t address_space(void)
{
	_cleanup_(close_fdp) int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_memory(uint64_t memory, struct buf *words)
{
	struct rlimit limit = { memory, memory };
	uint64_t used = address_space();

	if (memory == 0)
		return 0;
	if (memory < used + ROOM) {
		buf_say(words,
			"memory: %llu KiB are too few: with its modules a job process has %llu KiB "
			"before the first job begins",
			(unsigned long long)memory / 1024, (unsigned long long)used / 1024);
		return -ENOMEM;
	}
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return refuse(words, -errno, "cannot limit its memory");
	return 0;
}

static void volunteer_for_oom(void)
{
	_cleanup_(close_fdp) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* Without: the kernel chooses by size alone. */
	if (fd >= 0)
		(void)!write(fd, OOM_SCORE, sizeof(OOM_SCORE) - 1);
}

/* A batch process never takes the CPU from one that runs, and gives it up; nice says how much of it there is. */
static void stand_back(int nice_value)
{
	const struct sched_param param = { 0 };

	(void)sched_setscheduler(0, SCHED_BATCH, &param); /* slower for others, not wrong */
	(void)setpriority(PRIO_PROCESS, 0, nice_value);
	(void)slice_set_us(SLICE_LONG_US);
}

static int make_timer(struct job_limits *limits, struct buf *words)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU };

	if (limits->cpu_time_ms == 0)
		return 0;
	if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &limits->cpu_timer) == 0)
		return 0;
	limits->cpu_time_ms = 0;
	return refuse(words, -errno, "cannot limit its CPU time");
}

int job_limits_apply(struct job_limits *limits, const struct conf_job_pool *pool,
		     struct buf *reterr_words)
{
	int r;

	*limits = (struct job_limits){ .cpu_time_ms = pool->cpu_time_ms };
	r = make_timer(limits, reterr_words);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refuse(reterr_words, -errno, "cannot give up new privileges");
	volunteer_for_oom();
	stand_back(pool->nice);
	return limit_memory(pool->memory, reterr_words);
}

void job_limits_done(struct job_limits *limits)
{
	if (limits->cpu_time_ms > 0)
		(void)timer_delete(limits->cpu_timer);
	limits->cpu_time_ms = 0;
}

static void set_timer(struct job_limits *limits, int64_t ms)
{
	struct itimerspec when = { .it_value = { .tv_sec = ms / 1000,
						 .tv_nsec = ms % 1000 * 1000000 } };

	(void)timer_settime(limits->cpu_timer, 0, &when, NULL);
}

void job_limits_begin(struct job_limits *limits)
{
	if (limits->cpu_time_ms > 0)
		set_timer(limits, limits->cpu_time_ms);
}

void job_limits_end(struct job_limits *limits)
{
	if (limits->cpu_time_ms > 0)
		set_timer(limits, 0);
}
