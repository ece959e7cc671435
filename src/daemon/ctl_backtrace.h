#ifndef WEIR_DAEMON_CTL_BACKTRACE_H
#define WEIR_DAEMON_CTL_BACKTRACE_H
/*
 * ctl_backtrace.h - names for the addresses of a crash note, found by a
 * short-lived child, as those of a crash are: it may take as much memory, and as
 * wrong a turn, as it likes.
 */
#include <ev.h>
#include <sys/types.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"

struct ctl_backtrace;
struct loop;

struct ctl_backtrace {
	struct loop *loop; /* borrowed */
	struct buf lines;  /* "#0 f at file.c:3 (shop.so+0x12)", each with its end */
	/* Nothing more comes. */
	void (*done)(struct ctl_backtrace *backtrace);
	int fd;	   /* owned; -1: it is not under way */
	pid_t pid; /* of the child */
	ev_io watcher;
};

void ctl_backtrace_init(struct ctl_backtrace *backtrace, struct loop *loop,
			void (*done)(struct ctl_backtrace *backtrace));
/* note: the bytes of a struct crash_note, which nobody need trust. -EBADMSG; or no process can be made. */
MUST_USE int ctl_backtrace_begin(struct ctl_backtrace *backtrace, weir_str note);
/* Ends the child, if there is one. */
void ctl_backtrace_done(struct ctl_backtrace *backtrace);

#endif
