#ifndef WEIR_DAEMON_JOB_WIRE_H
#define WEIR_DAEMON_JOB_WIRE_H
/*
 * job_wire.h - what workers, the hub and job processes say to each other about
 * jobs. A packet a message, on a SOCK_SEQPACKET socket; a large payload is a
 * sealed memfd that comes along.
 *
 *	worker to hub		SUBMIT		run this
 *				CANCEL		it is not wanted any more; its ENDED still comes
 *	hub to worker		QUEUED		it waits for a process
 *				STARTED		a process gets it, now or soon
 *				REFUSED		no: -EAGAIN (the queue is full), -ENOENT (no such pool), ...
 *				PROGRESS	it reports
 *				ENDED		that was it
 *	hub to job process	RUN		a job
 *				CANCEL		it is to end
 *	job process to hub	IDLE		the first word on a pipe: it takes a job
 *				PROGRESS	a report
 *				ENDED		the result; it takes the next job
 *
 * After SUBMIT a worker hears either REFUSED, or QUEUED, STARTED or both, and
 * then exactly one ENDED. Both ends are processes of one daemon, so numbers are
 * in the machine's own byte order; still nothing that arrives is believed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <weir/base.h>

#include "base/macro.h"

#define JOB_INLINE_MAX ((size_t)64 * 1024)     /* payload bytes that travel inside a packet */
#define JOB_PACKET_MAX (JOB_INLINE_MAX + 2048) /* a whole packet */
#define JOB_NAME_MAX 255		       /* pool, module, name: each */
#define JOB_REQUEST_ID_MAX 128

enum job_word {
	JOB_SUBMIT = 1,
	JOB_CANCEL,
	JOB_QUEUED,
	JOB_STARTED,
	JOB_REFUSED,
	JOB_PROGRESS,
	JOB_ENDED,
	JOB_RUN,
	JOB_IDLE,
};

/*
 * Fields that are not said to belong to a word are not sent with it, and are 0 when it is
 * received. A payload is bytes, or else a descriptor: then bytes is empty.
 */
struct job_packet {
	enum job_word word;
	uint64_t id;	  /* the worker's number; towards job processes the hub's; IDLE: the pid */
	int32_t result;	  /* REFUSED, ENDED: of the job; REFUSED is a negative errno */
	int32_t status;	  /* ENDED to a worker with -ECHILD: as job_end's (app/job_carrier) */
	int32_t priority; /* SUBMIT: larger first */
	uint32_t route;	  /* SUBMIT: for fairness; IDLE: the index of its pool */
	int64_t max_run_ms;  /* SUBMIT: 0: the pool's */
	int64_t deadline_ms; /* SUBMIT, RUN: of CLOCK_MONOTONIC; INT64_MAX: none */
	uint64_t
		resident; /* IDLE, ENDED to the hub: bytes of memory the process has; 0: not known */
	weir_str pool;	  /* SUBMIT; empty: the default one */
	weir_str module;  /* SUBMIT, RUN; not empty */
	weir_str name;	  /* SUBMIT, RUN; not empty */
	/* SUBMIT, RUN: whose it is. Each as proto/traceparent takes it, or empty. */
	weir_str request_id, traceparent;
	weir_str
		bytes; /* SUBMIT, RUN, PROGRESS, ENDED: the payload; decoded, a view of the packet */
	int fd;	       /* SUBMIT, RUN, ENDED: a sealed memfd that is the payload; -1 */
	uint64_t fd_len; /* of the payload in fd; 0: it is in bytes, and fd is not looked at */
};

/*
 * Received like this: a descriptor was to come, and was lost, for this process has no room for
 * one more, or the user has too many on their way. The rest of the packet is good.
 */
static inline bool job_packet_is_torn(const struct job_packet *packet)
{
	return packet->fd < 0 && packet->fd_len > 0;
}

/* Bytes written; -EMSGSIZE when names, payload or the whole are too long, -EINVAL for what decoding would refuse. */
MUST_USE ssize_t job_wire_encode(const struct job_packet *packet, void *buf, size_t cap);
/* 0 or -EPROTO. Its views are into in; fd is -1, whatever fd_len is. What is decoded encodes to the same bytes. */
MUST_USE int job_wire_decode(weir_str in, struct job_packet *ret_packet);

/*
 * One packet, waiting as the socket does; its fd is borrowed, and -1 with an fd_len makes it torn.
 * 0; -EAGAIN, -EPIPE (the other end is gone), -ETOOMANYREFS (the user has too many descriptors on
 * their way), what encoding says.
 */
MUST_USE int job_wire_send(int fd, const struct job_packet *packet);
/* The same, for what has been encoded; payload_fd -1: none goes along. */
MUST_USE int job_wire_send_encoded(int fd, weir_str encoded, int payload_fd);
/*
 * One packet, waiting as the socket does: 1, and the packet, whose views are into buf and whose fd
 * is the caller's, close-on-exec; look for job_packet_is_torn(). 0: the other end is gone. -EAGAIN;
 * -EPROTO for what makes no sense, the next may be good. buf has room for JOB_PACKET_MAX bytes.
 */
MUST_USE int job_wire_receive(int fd, void *buf, struct job_packet *ret_packet);

#endif
