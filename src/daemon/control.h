#ifndef WEIR_DAEMON_CONTROL_H
#define WEIR_DAEMON_CONTROL_H
/*
 * control.h - what the master and its children, workers, job processes and the
 * hub, say to each other, over a socket pair made before the fork. End of file
 * means that the other is dead.
 *
 *	worker to master	READY	it serves; of a job process: its modules are loaded
 *				LEAVING	it does not accept any more: it stops by itself, or was
 *					told to because it is replaced
 *				FAILED	it cannot start; the text says why, then it exits
 *				STALLED	its loop does not turn: where it is stuck is in its
 *					note (daemon/crash_note)
 *	master to worker	DRAIN	finish what is in flight, then exit with 0; number:
 *					enum control_drain. A second one may be stricter
 *				SERVE	accept; only who was held waits for it
 *				ADOPT	accept for another lane as well, which has no worker:
 *					number is the lane, with the socket of each TCP
 *					address in the order of the configuration
 *				RETURN	that lane has a worker again
 *			ACCESS_LOG	another file, as a descriptor
 *			CERTIFICATES	new ones, and their keys: see tls_bundle.h
 *				CLOSE	a route crashes too often, and is answered 503: number
 *					is its place in the binding
 *	master to worker	HUB	two pipes to the hub, for publications and for jobs
 *	and to the hub			(to a worker: the other ends); number is the slot
 *	master to job process	HUB	a pipe to the hub, the one before is over
 *				DRAIN	finish the job that runs, then exit with 0
 *	master to hub	JOB_PROCESS	a job process is there: number is the master's for it, and
 *					never given to another; with its pipe
 *			JOB_ENDED	it has ended, and how
 *			JOB_POOL	there is a pool, or it changes, or goes (see job_plan.h): number
 *					is its place. Before RENEW, and before any of its processes
 *			JOB_RENEW	all that are there by now are old: JOB_RETIRE for each, but of
 *					pools that are not configured any more
 *	master to worker	CTL	a pipe to the ctl process, the one before is over
 *	and to the ctl process		(the other end); number is the slot
 *	master to hub	LOG_LEVEL	of its log from now on: number is it. Workers hear of it by
 *	and to the ctl process		ctl, or are new; job processes say nothing but errors
 *	ctl to master	ASK_RELOAD	as SIGHUP
 *			ASK_DRAIN	as SIGTERM; number 0: of the daemon, else of the worker
 *					in slot number - 1
 *			ASK_LOG_LEVEL	of its own, of the hub, and of those it forks from now on
 *	hub to master	JOB_KILL	SIGKILL for it, now
 *			JOB_RETIRE	it gets no more jobs: it is to end, and another to come
 */
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "io/ipc.h"

struct job_plan_pool;

enum control_type {
	CONTROL_READY = 1,
	CONTROL_LEAVING,
	CONTROL_FAILED,
	CONTROL_DRAIN,
	CONTROL_ADOPT,
	CONTROL_RETURN,
	CONTROL_HUB,
	CONTROL_JOB_PROCESS,
	CONTROL_JOB_ENDED,
	CONTROL_JOB_KILL,
	CONTROL_JOB_RETIRE,
	CONTROL_STALLED,
	CONTROL_CERTIFICATES,
	CONTROL_SERVE,
	CONTROL_ACCESS_LOG,
	CONTROL_JOB_RENEW,
	CONTROL_JOB_POOL,
	CONTROL_CLOSE,
	CONTROL_CTL,
	CONTROL_LOG_LEVEL,
	CONTROL_ASK_RELOAD,
	CONTROL_ASK_DRAIN,
	CONTROL_ASK_LOG_LEVEL,
	CONTROL_TYPES, /* no type */
};

/* Bits; none: nobody is let in any more, and the grace is the configuration's. */
enum control_drain {
	CONTROL_DRAIN_REPLACED = 1, /* others serve: nobody need notice */
	CONTROL_DRAIN_PATIENT = 2,  /* without limit */
};

/* What JOB_PROCESS says. */
struct control_job_process {
	uint32_t pool;	 /* its place in the plan */
	uint32_t is_old; /* another hub knew it, and may have given it a job */
	int32_t pid;
};

/* All of them never block; -EAGAIN or -EPIPE when the other side is stuck or gone. */
MUST_USE int control_send_ready(int fd);
int control_send_leaving(int fd);
/* From any thread. */
int control_send_stalled(int fd);
/* What is longer than a message is cut. */
MUST_USE int control_send_failed(int fd, const char *why);
MUST_USE int control_send_drain(int fd);
/* how: bits of enum control_drain. */
MUST_USE int control_send_drain_how(int fd, unsigned how);
MUST_USE int control_send_serve(int fd);
MUST_USE int control_send_adopt(int fd, unsigned lane, const int *fds, size_t n_fds);
int control_send_return(int fd, unsigned lane);
MUST_USE int control_send_close(int fd, unsigned route);
MUST_USE int control_send_access_log(int fd, int log_fd);
/* n_fds: 2 for workers, 1 for a job process. */
MUST_USE int control_send_hub(int fd, unsigned slot, const int *fds, size_t n_fds);
MUST_USE int control_send_job_process(int fd, unsigned child,
				      const struct control_job_process *what, int pipe_fd);
/* status: as waitpid() says. */
MUST_USE int control_send_job_ended(int fd, unsigned child, int status);
MUST_USE int control_send_job_kill(int fd, unsigned child);
MUST_USE int control_send_job_retire(int fd, unsigned child);
MUST_USE int control_send_job_renew(int fd);
MUST_USE int control_send_job_pool(int fd, unsigned place, const struct job_plan_pool *pool);

MUST_USE int control_send_ctl(int fd, unsigned slot, int pipe_fd);
MUST_USE int control_send_log_level(int fd, int level);
/* One of CONTROL_ASK_... */
MUST_USE int control_send_ask(int fd, enum control_type type, unsigned number);

/* fd, a sealed memfd, has len bytes. */
MUST_USE int control_send_certificates(int fd, int bundle_fd, uint64_t len);

/*
 * 1: a message, with text NUL-terminated; its descriptors are the caller's. 0:
 * the other side is gone. -EAGAIN, or -EBADMSG for a message of no known type.
 */
MUST_USE int control_receive(int fd, struct ipc_message *ret_message);
/* What these carry beyond the number. -EBADMSG when it is not that. */
MUST_USE int control_read_job_process(const struct ipc_message *message,
				      struct control_job_process *ret_what);
MUST_USE int control_read_job_ended(const struct ipc_message *message, int *ret_status);
MUST_USE int control_read_job_pool(const struct ipc_message *message,
				   struct job_plan_pool *ret_pool);
MUST_USE int control_read_certificates(const struct ipc_message *message, uint64_t *ret_len);

#endif
