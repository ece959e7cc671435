#ifndef WEIR_DAEMON_WORKER_NOTES_H
#define WEIR_DAEMON_WORKER_NOTES_H
/*
 * worker_notes.h - what the master can still read when a worker has died: the
 * name of the handler that it started last. Memory that both share. The worker
 * writes all names once; then one store for each request says which it is.
 */
#include <stdint.h>

#include "base/macro.h"

struct worker_note;

/* The longest name that is kept whole, with its NUL: a job's has the id of its request behind it. */
#define WORKER_NOTES_NAME 200

/* The master's: a note for each slot. */
struct worker_notes {
	struct worker_note *items; /* owned */
	unsigned n;
};

/* Before the workers are forked. -ENOMEM. */
MUST_USE int worker_notes_init(struct worker_notes *notes, unsigned n);
/* Zeroed is fine. */
void worker_notes_done(struct worker_notes *notes);
/* In a child: the notes of all others are not its business, and no longer in its memory. */
void worker_notes_keep(const struct worker_notes *notes, unsigned slot);
struct worker_note *worker_notes_at(const struct worker_notes *notes, unsigned slot);
/*
 * The name that was stored last, "" for none. It believes nothing: who dies
 * may have written anywhere before.
 */
void worker_notes_read(const struct worker_notes *notes, unsigned slot,
		       char ret_name[WORKER_NOTES_NAME]);

/* In the worker, before it serves: forgets what its predecessor has left. */
void worker_notes_clear(struct worker_note *note);
/* What to store for this name; 0, which means none, when there is no room for another. */
uint32_t worker_notes_add(struct worker_note *note, const char *name);
/* Where to store it. */
uint32_t *worker_notes_last(struct worker_note *note);

#endif
