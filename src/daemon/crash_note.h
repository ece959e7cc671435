#ifndef WEIR_DAEMON_CRASH_NOTE_H
#define WEIR_DAEMON_CRASH_NOTE_H
/*
 * crash_note.h - what a child leaves for the master when it crashes, or is
 * stuck: memory that both share. A signal handler writes registers, raw
 * addresses and the top of the stack; names are for somebody else to find
 * (daemon/crash_report), when there is time.
 *
 *	master:	crash_note_new(), fork, crash_report_write(), crash_note_free()
 *	child:	crash_note_watch(), before sched_new(): then a stack that
 *		overflows is said first, by coro/overflow, which passes it on;
 *		crash_note_map() once the modules are loaded
 *
 * A process has one. The signals go on to whoever handled them before: by
 * default the process ends, with a core where the system makes them.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <weir/base.h>

#include "base/macro.h"
#include "base/trace.h"
#include "daemon/culprit.h"

#define CRASH_FRAMES 64
#define CRASH_STACK ((size_t)16 * 1024)
#define CRASH_MAPS ((size_t)128 * 1024)
#define CRASH_REASON 160

/* One moment of one thread. */
struct crash_record {
	_Atomic uint32_t state; /* an enum crash_state */
	int32_t signal;		/* 0: it was only looked at */
	uint8_t has_address;	/* no bool: who reads it must not depend on what was written */
	uint64_t address;	/* that it could not reach */
	struct culprit culprit;
	struct trace_regs regs;
	uint32_t n_frames; /* found by frame pointers */
	uintptr_t frames[CRASH_FRAMES];
	uintptr_t stack_at;
	uint32_t stack_len;
	_Alignas(16) unsigned char stack[CRASH_STACK];
};

enum crash_state {
	CRASH_NONE,
	CRASH_BEGUN, /* being written, or given up half-way */
	CRASH_WHOLE,
};

struct crash_note {
	struct crash_record crash;
	struct crash_record stall;
	char doing[CULPRIT_NAME];   /* what it does when no task runs */
	char request[CULPRIT_NAME]; /* for whom it does that: a request's id */
	char reason[CRASH_REASON];  /* why it ends itself; "": it does not */
	time_t mapped_at;
	uint32_t maps_len;
	char maps[CRASH_MAPS]; /* of /proc/self/maps, the lines with files */
};

/* Shared with the children forked from now on. -ENOMEM. */
MUST_USE int crash_note_new(struct crash_note **ret_note);
struct crash_note *crash_note_free(struct crash_note *note);

/* In the child, on its main thread; not twice. -ENOMEM. */
MUST_USE int crash_note_watch(struct crash_note *note);
/* For tests: as it was before. */
void crash_note_unwatch(void);
/* Remembers which files are where: again, when more of them are. */
void crash_note_map(struct crash_note *note);
/* For a child without tasks, such as a job process: what it does from now on, "shop.hash", and for whom. */
void crash_note_doing(struct crash_note *note, const char *what, weir_str request_id);

/*
 * Fills in all but signal and state. Signal handlers may call it, and threads for
 * another that stands still. sched: of the thread that the registers are of; or NULL.
 */
void crash_note_fill(struct crash_record *record, const struct sched *sched,
		     const struct trace_regs *regs);

/*
 * The reason, for people, with a separator in front: ": it was ..."; "" when there is
 * none. It believes nothing.
 */
void crash_note_reason(const struct crash_note *note, char ret_words[CRASH_REASON + 2]);

#endif
