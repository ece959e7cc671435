/*
 * e2e_good_job.c - handlers that start whichever job the route's {job} names, and say
 * what became of it; jobs that wait until a test lets them go, and compute
 * what a test can check. Those that misbehave are in e2e_bad_job.c, which includes
 * this file's handlers.
 */
#include "e2e_job.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void block_a_moment(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 2 * 1000 * 1000 }, NULL);
}

/* "12 words": 12, and *rest is "words". */
static long take_number(weir_str *rest)
{
	long number = 0;

	while (rest->len > 0 && *rest->ptr >= '0' && *rest->ptr <= '9') {
		number = number * 10 + (*rest->ptr - '0');
		*rest = (weir_str){ rest->ptr + 1, rest->len - 1 };
	}
	if (rest->len > 0)
		*rest = (weir_str){ rest->ptr + 1, rest->len - 1 };
	return number;
}

static char *path_of(weir_work *work, weir_str input)
{
	char *path = weir_work_alloc(work, input.len + 1);

	if (!path)
		abort();
	if (input.len > 0)
		memcpy(path, input.ptr, input.len);
	path[input.len] = '\0';
	return path;
}

static int append_line(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ssize_t n = -1;

	if (fd >= 0) {
		n = write(fd, line, strlen(line));
		close(fd);
	}
	return n == (ssize_t)strlen(line) ? 0 : -EIO;
}

/* ---- jobs */

static int echo(weir_work *work, weir_str input)
{
	return weir_work_result(work, input);
}

static int say_pid(weir_work *work, weir_str input)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	return weir_work_result(work, weir_strz(text));
}

/* Whose it is: to the log, and as its result. */
static int whose(weir_work *work, weir_str input)
{
	char text[256];

	weir_work_log(work, WEIR_LOG_INFO, "has read %.*s", WEIR_ARG(input));
	(void)snprintf(text, sizeof(text), "%.*s %.*s", WEIR_ARG(weir_work_request_id(work)),
		       WEIR_ARG(weir_work_traceparent(work)));
	return weir_work_result(work, weir_strz(text));
}

static int wait_for(weir_work *work, weir_str input, bool can_be_asked)
{
	const char *path = path_of(work, input);
	int r;

	r = weir_work_report(work, "pid %d", (int)getpid());
	if (r < 0)
		return r;
	while (access(path, F_OK) < 0) {
		if (can_be_asked && weir_work_unwanted(work))
			return -ECANCELED;
		block_a_moment();
	}
	return weir_work_result(work, WEIR_STR("let go"));
}

/* Until that file is there. */
static int hold(weir_work *work, weir_str input)
{
	return wait_for(work, input, true);
}

/* The same, but it does not ask. */
static int deaf(weir_work *work, weir_str input)
{
	return wait_for(work, input, false);
}

/* Ends when it is asked to, and leaves a word of it in that file. */
static int asked(weir_work *work, weir_str input)
{
	(void)weir_work_report(work, "pid %d", (int)getpid());
	while (!weir_work_unwanted(work))
		block_a_moment();
	(void)append_line(path_of(work, input), "asked\n");
	return -ECANCELED;
}

static int fail(weir_work *work, weir_str input)
{
	return -(int)take_number(&input);
}

/* A result that counts only if the job returns 0. */
static int fail_late(weir_work *work, weir_str input)
{
	int r = weir_work_result(work, WEIR_STR("never seen"));

	return r < 0 ? r : -ERANGE;
}

static int nothing(weir_work *work, weir_str input)
{
	return 0;
}

/* "12": so many bytes, as e2e_job_fill() makes them. */
static int grow(weir_work *work, weir_str input)
{
	size_t len = (size_t)take_number(&input);
	char *bytes = malloc(len + 1);
	int r;

	if (!bytes)
		return -ENOMEM;
	e2e_job_fill(bytes, len);
	r = weir_work_result(work, (weir_str){ bytes, len });
	free(bytes);
	return r;
}

/* Are these the bytes that e2e_job_fill() makes? */
static int check(weir_work *work, weir_str input)
{
	char text[32];

	if (!e2e_job_is_filled(input))
		return -EILSEQ;
	(void)snprintf(text, sizeof(text), "%zu good bytes", input.len);
	return weir_work_result(work, weir_strz(text));
}

/* "12": so many reports, as fast as it can. */
static int chatter(weir_work *work, weir_str input)
{
	long n = take_number(&input);
	int r = 0;

	for (long i = 1; i <= n && r == 0; i++)
		r = weir_work_report(work, "%ld", i);
	return r;
}

/* "12 7 /path": appends "12" to that file and takes 7 ms. */
static int note(weir_work *work, weir_str input)
{
	long number = take_number(&input), ms = take_number(&input);
	const char *path = path_of(work, input);
	char line[32];
	int r;

	(void)snprintf(line, sizeof(line), "%ld\n", number);
	r = append_line(path, line);
	if (r < 0)
		return r;
	(void)nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
	return weir_work_result(work, (weir_str){ line, strlen(line) - 1 });
}

/* What is kept in a static variable stays for the next job of this process. */
static int count(weir_work *work, weir_str input)
{
	static int n_jobs;
	char text[64];

	(void)snprintf(text, sizeof(text), "%d %d", (int)getpid(), ++n_jobs);
	return weir_work_result(work, weir_strz(text));
}

WEIR_MODULE(.name = "e2e_good_job", .startup = e2e_job_startup, .handlers = E2E_JOB_HANDLERS,
	    .jobs = WEIR_JOBS({ "echo", echo }, { "pid", say_pid }, { "hold", hold },
			      { "deaf", deaf }, { "asked", asked }, { "fail", fail },
			      { "fail_late", fail_late }, { "nothing", nothing }, { "grow", grow },
			      { "check", check }, { "chatter", chatter }, { "note", note },
			      { "count", count }, { "whose", whose }));
