/*
 * worker_notes.c - see worker_notes.h. A page for the number that is stored for
 * each request and the first names; more pages are touched only by who has so
 * many routes.
 */
#include "daemon/worker_notes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/shared.h"

#define NOTE_SIZE ((size_t)16 * 1024)

struct worker_note {
	uint32_t last; /* offset in names plus one; 0: none */
	uint32_t used; /* of names */
	char names[NOTE_SIZE - 2 * sizeof(uint32_t)];
};

int worker_notes_init(struct worker_notes *notes, unsigned n)
{
	void *items = shared_new(n * sizeof(struct worker_note));

	if (!items)
		return -ENOMEM;
	*notes = (struct worker_notes){ .items = items, .n = n };
	return 0;
}

void worker_notes_done(struct worker_notes *notes)
{
	notes->items = shared_free(notes->items, notes->n * sizeof(struct worker_note));
}

/* Whole pages: where these are larger than a note, what lies beside it stays. */
static void unmap(const struct worker_notes *notes, unsigned first, unsigned behind)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = sizeof(struct worker_note);
	size_t begin = (first * size + page - 1) / page * page, end = behind * size / page * page;

	if (begin < end)
		(void)munmap((char *)notes->items + begin, end - begin);
}

void worker_notes_keep(const struct worker_notes *notes, unsigned slot)
{
	unmap(notes, 0, slot);
	unmap(notes, slot + 1, notes->n);
}

struct worker_note *worker_notes_at(const struct worker_notes *notes, unsigned slot)
{
	return &notes->items[slot];
}

void worker_notes_read(const struct worker_notes *notes, unsigned slot,
		       char ret_name[WORKER_NOTES_NAME])
{
	const struct worker_note *note = &notes->items[slot];
	uint32_t last = note->last;
	size_t len = 0;

	if (last > 0 && last <= sizeof(note->names) - WORKER_NOTES_NAME) {
		len = strnlen(note->names + last - 1, WORKER_NOTES_NAME - 1);
		memcpy(ret_name, note->names + last - 1, len);
	}
	ret_name[len] = '\0';
}

void worker_notes_clear(struct worker_note *note)
{
	note->last = 0;
	note->used = 0;
}

uint32_t worker_notes_add(struct worker_note *note, const char *name)
{
	size_t len = strnlen(name, WORKER_NOTES_NAME - 1);
	uint32_t at = note->used;

	/* The last one, too, is followed by as much as a name may have: see worker_notes_read(). */
	if (at + 1 > sizeof(note->names) - WORKER_NOTES_NAME)
		return 0;
	memcpy(note->names + at, name, len);
	note->names[at + len] = '\0';
	note->used = at + (uint32_t)len + 1;
	return at + 1;
}

uint32_t *worker_notes_last(struct worker_note *note)
{
	return &note->last;
}
