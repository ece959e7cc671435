/* job_run.c - see job_run.h. */
#include "daemon/job_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/module.h"
#include "app/request_ids.h"
#include "base/log.h"
#include "conf/conf.h"
#include "daemon/binding.h"
#include "daemon/crash_note.h"
#include "daemon/job_wire.h"
#include "daemon/worker_notes.h"
#include "io/sealed.h"

enum { KEPT_PIPE, KEPT_CONTROL, KEPT_LOG };

/* Of a job's name, for the master: behind it there is room for the id of its request. */
#define NAME_MAX_NOTED 64

_Static_assert(NAME_MAX_NOTED + REQUEST_IDS_LOG_MAX <= WORKER_NOTES_NAME, "there is room");

/* ---- what a job says */

static int on_report(weir_work *work, weir_str text)
{
	struct job_run *run = container_of(work, struct job_run, work);
	struct job_packet packet = { .word = JOB_PROGRESS, .id = run->id, .bytes = text, .fd = -1 };

	return job_wire_send(run->pipe_fd, &packet);
}

/* Without a hub nobody can want it. */
static bool on_look(weir_work *work)
{
	struct job_run *run = container_of(work, struct job_run, work);
	struct job_packet packet;
	int r;

	while ((r = job_wire_receive(run->pipe_fd, run->aside, &packet)) == 1) {
		close_fdp(&packet.fd);
		if (packet.word == JOB_CANCEL && packet.id == run->id)
			return true;
	}
	return r != -EAGAIN;
}

/* Waits until the hub takes it. */
static int send_packet(const struct job_run *run, const struct job_packet *packet)
{
	struct pollfd polled = { .fd = run->pipe_fd, .events = POLLOUT };
	int r;

	while ((r = job_wire_send(run->pipe_fd, packet)) == -EAGAIN)
		(void)poll(&polled, 1, -1);
	return r;
}

/* ---- what a job may have spoilt */

/* Ours: the master's word, the last resort's alarm, and the end of a job's CPU time. */
static const int signals[] = { SIGTERM, SIGALRM, SIGXCPU };

_Static_assert(ARRAY_LEN(signals) == ARRAY_LEN(((struct job_run *)NULL)->actions), "one of each");

static void keep_signals(struct job_run *run)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], NULL, &run->actions[i]);
}

static void mend_signals(const struct job_run *run)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &run->actions[i], NULL);
}

/* They run on in the next job's time, whose end they would be. */
static void stop_timers(void)
{
	const struct itimerval none = { 0 };

	(void)setitimer(ITIMER_VIRTUAL, &none, NULL);
	(void)setitimer(ITIMER_PROF, &none, NULL);
}

static struct job_run_kept look_at(int fd)
{
	struct job_run_kept kept = { .fd = fd };
	struct stat st = { 0 };

	(void)fstat(fd, &st);
	kept.dev = st.st_dev;
	kept.ino = st.st_ino;
	return kept;
}

/* Still the same: a job that has closed it may have opened something else in its place. */
static bool is_kept(const struct job_run_kept *kept)
{
	struct job_run_kept now = look_at(kept->fd);

	return now.dev == kept->dev && now.ino == kept->ino;
}

static bool has_all_descriptors(const struct job_run *run)
{
	for (size_t i = 0; i < ARRAY_LEN(run->kept); i++) {
		if (!is_kept(&run->kept[i]))
			return false;
	}
	return true;
}

/* A line of a job, or about it. */
static PRINTF_LIKE(3, 4) void say(const struct job_run *run, int level, const char *fmt, ...)
{
	char text[WORK_LOG_MAX], id[REQUEST_IDS_LOG_MAX];
	va_list ap;

	/* Not into what the job has opened in its place. */
	if (!is_kept(&run->kept[KEPT_LOG]))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	request_ids_words(run->setup.logs_ids ? run->job->request_id : WEIR_STR(""), id);
	log_write(run->setup.log, level, "%.*s.%.*s%s%s", WEIR_ARG(run->job->module),
		  WEIR_ARG(run->job->name), text, id);
}

static void on_log(weir_work *work, int level, const char *text)
{
	say(container_of(work, struct job_run, work), level, ": %s", text);
}

static const struct work_ops work_ops = { on_report, on_look, on_log };

/* Those of one thread, in decimal, one after the other. */
static void kill_children_of(const char *tid)
{
	char path[64];
	FILE *file;
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.20s/children", tid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		(void)kill(pid, SIGKILL);
	(void)fclose(file);
}

static void kill_children(void)
{
	DIR *threads = opendir("/proc/self/task");
	const struct dirent *entry;

	while (threads && (entry = readdir(threads))) {
		if (entry->d_name[0] != '.')
			kill_children_of(entry->d_name);
	}
	if (threads)
		(void)closedir(threads);
}

/* A child that dies leaves its own to us (PR_SET_CHILD_SUBREAPER): hence the rounds. */
static int end_children(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < 1000; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return 0;
		if (pid > 0)
			continue;
		kill_children();
		(void)nanosleep(&moment, NULL);
	}
	return -EBUSY;
}

static int mend(const struct job_run *run)
{
	int r;

	if (!has_all_descriptors(run)) {
		say(run, LOG_AT_ERROR, " has closed descriptors that are not its own");
		return -EBADF;
	}
	r = end_children();
	if (r < 0)
		say(run, LOG_AT_ERROR, " has left children that cannot be ended");
	return r;
}

/* ---- a job */

static int find_job(const struct job_run *run, const struct job_packet *packet,
		    weir_job_entry *ret_entry)
{
	const struct binding *b = run->setup.binding;
	_cleanup_(buf_done) struct buf words = { 0 };

	for (size_t i = 0; i < b->n_apps; i++) {
		if (weir_str_eq(weir_strz(b->apps[i]->name), packet->module))
			return module_job(b->apps[i], packet->name, &words, ret_entry);
	}
	return -ENOENT;
}

static int take_input(const struct job_packet *packet, weir_str *ret_input)
{
	if (job_packet_is_torn(packet))
		return -ENOMEM;
	if (packet->fd >= 0)
		return sealed_map(packet->fd, packet->fd_len, ret_input);
	*ret_input = packet->bytes;
	return 0;
}

static void note(const struct job_run *run)
{
	const struct job_packet *job = run->job;
	char name[WORKER_NOTES_NAME], id[REQUEST_IDS_LOG_MAX];
	int n = snprintf(name, NAME_MAX_NOTED, "%.*s.%.*s", WEIR_ARG(job->module),
			 WEIR_ARG(job->name));

	if (run->setup.crash)
		crash_note_doing(run->setup.crash, name, job->request_id);
	if (!run->setup.note)
		return;
	request_ids_words(run->setup.logs_ids ? job->request_id : WEIR_STR(""), id);
	n = n < NAME_MAX_NOTED ? n : NAME_MAX_NOTED - 1;
	(void)snprintf(name + n, sizeof(name) - (size_t)n, "%s", id);
	worker_notes_clear(run->setup.note);
	*worker_notes_last(run->setup.note) = worker_notes_add(run->setup.note, name);
}

static int call(struct job_run *run, const struct job_packet *packet)
{
	weir_job_entry entry = { 0 };
	weir_str input = { 0 };
	sigset_t ours;
	int r;

	r = find_job(run, packet, &entry);
	if (r < 0)
		return r;
	r = take_input(packet, &input);
	if (r < 0)
		return r;
	(void)sigprocmask(SIG_SETMASK, &run->mask, &ours);
	job_limits_begin(run->setup.limits);
	r = work_run(&run->work, entry.fn, input, packet->deadline_ms);
	job_limits_end(run->setup.limits);
	(void)sigprocmask(SIG_SETMASK, &ours, NULL);
	/* It is set by the handler of SIGTERM; one of the job's own has no business after it. */
	if (alarm(0) > 0)
		run->is_asked = true;
	stop_timers();
	mend_signals(run);
	if (packet->fd >= 0)
		sealed_unmap(input);
	return r;
}

/* Bytes; 0: nobody asks, or it is not known. */
static uint64_t resident(const struct job_run *run)
{
	unsigned long long n_pages = 0;
	FILE *file;

	if (run->setup.pool->recycle_resident == 0)
		return 0;
	file = fopen("/proc/self/statm", "re");
	if (file && fscanf(file, "%*u %llu", &n_pages) != 1)
		n_pages = 0;
	if (file)
		(void)fclose(file);
	return n_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void say_ended(const struct job_run *run, int result)
{
	struct job_packet packet = { .word = JOB_ENDED, .id = run->id, .result = result, .fd = -1 };
	int r;

	packet.resident = resident(run);
	if (result == 0) {
		packet.bytes = run->work.result;
		packet.fd = run->work.result_fd;
		packet.fd_len = run->work.result_len;
	}
	r = send_packet(run, &packet);
	if (r >= 0 || r == -EPIPE)
		return; /* a hub that has died has its successor say that the job has failed */
	/* Its descriptor cannot travel, or memory is short. */
	packet = (struct job_packet){
		.word = JOB_ENDED, .id = run->id, .result = -ENOMEM, .fd = -1
	};
	(void)send_packet(run, &packet);
}

static int run_job(struct job_run *run, const struct job_packet *packet)
{
	int r, result;

	run->id = packet->id;
	run->job = packet;
	run->work.request_id = packet->request_id;
	run->work.traceparent = packet->traceparent;
	note(run);
	result = call(run, packet);
	r = mend(run);
	if (r < 0)
		return r; /* the note stays: the master says which job it was */
	if (run->setup.note)
		*worker_notes_last(run->setup.note) = 0;
	say_ended(run, result);
	work_reset(&run->work);
	return 1;
}

int job_run_next(struct job_run *run)
{
	struct job_packet packet;
	int r;

	r = job_wire_receive(run->pipe_fd, run->packet, &packet);
	if (r == 0) {
		close_fdp(&run->pipe_fd);
		run->pipe_fd = -1;
	} else if (r < 0 && r != -EAGAIN) {
		log_write(run->setup.log, LOG_AT_ERROR, "the hub says what makes no sense: %s",
			  strerror(-r));
	}
	if (r <= 0)
		return r;
	/* A CANCEL of a job that has just ended is of no interest any more. */
	if (packet.word == JOB_RUN)
		r = run_job(run, &packet);
	close_fdp(&packet.fd);
	return r;
}

/* ---- */

void job_run_meet(struct job_run *run, int take_pipe_fd)
{
	struct job_packet packet = { .word = JOB_IDLE,
				     .id = (uint64_t)getpid(),
				     .route = run->setup.pool_index,
				     .resident = resident(run),
				     .fd = -1 };

	close_fdp(&run->pipe_fd);
	run->pipe_fd = take_pipe_fd;
	run->kept[KEPT_PIPE] = look_at(take_pipe_fd);
	/* If it is dead already, its successor is on its way. */
	(void)send_packet(run, &packet);
}

int job_run_init(struct job_run *run, const struct job_run_setup *setup)
{
	*run = (struct job_run){ .setup = *setup, .pipe_fd = -1 };
	work_init(&run->work, &work_ops, setup->max_result, JOB_INLINE_MAX);
	run->kept[KEPT_PIPE] = look_at(-1);
	run->kept[KEPT_CONTROL] = look_at(setup->control_fd);
	run->kept[KEPT_LOG] = look_at(setup->log->fd);
	(void)sigemptyset(&run->mask);
	keep_signals(run);
	run->packet = malloc(JOB_PACKET_MAX);
	run->aside = malloc(JOB_PACKET_MAX);
	if (run->packet && run->aside)
		return 0;
	job_run_done(run);
	return -ENOMEM;
}

void job_run_done(struct job_run *run)
{
	if (!run->work.ops)
		return; /* it was never made */
	close_fdp(&run->pipe_fd);
	run->pipe_fd = -1;
	work_done(&run->work);
	free(run->packet);
	free(run->aside);
	run->packet = NULL;
	run->aside = NULL;
}
