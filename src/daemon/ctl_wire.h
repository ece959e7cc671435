#ifndef WEIR_DAEMON_CTL_WIRE_H
#define WEIR_DAEMON_CTL_WIRE_H
/*
 * ctl_wire.h - what the ctl process and a worker say to each other, over a pipe
 * of packets: a question has a number, and its answer the same. A long answer goes
 * along as a descriptor: so an answer is one packet, and a worker never has to wait
 * until it is taken.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "io/ipc.h"

struct buf;

enum ctl_word {
	CTL_ASK_COUNTS = 1, /* answer: cells, with a tab before each */
	CTL_ASK_TASKS,	    /* rows */
	CTL_ASK_CONNS,	    /* rows */
	CTL_ASK_BACKTRACE, /* of the task with this tag: a struct crash_note; nothing: there is none */
	CTL_ASK_KILL,	   /* the task or connection with this tag: words; nothing: there is none */
	CTL_ASK_LEVEL,	   /* of the log; nothing */
	CTL_ANSWER,
};

/* More is not taken. */
#define CTL_WIRE_MAX ((size_t)4 * 1024 * 1024)

/* value: a tag, or a level. -EAGAIN: it does not listen; -EPIPE. */
MUST_USE int ctl_wire_ask(int fd, enum ctl_word word, uint32_t number, uint32_t value);
MUST_USE int ctl_wire_answer(int fd, uint32_t number, weir_str bytes);

/* As ipc_receive(); -EBADMSG for what neither of these sends. */
MUST_USE int ctl_wire_receive(int fd, struct ipc_message *ret_message);
/* Of a question. */
uint32_t ctl_wire_value(const struct ipc_message *message);
/* Of an answer: appended, and its descriptor closed. -EMSGSIZE, -EBADMSG, -ENOMEM. */
MUST_USE int ctl_wire_bytes(struct ipc_message *message, struct buf *out);

#endif
