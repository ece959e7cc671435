#ifndef WEIR_SERVE_PUBLICATION_H
#define WEIR_SERVE_PUBLICATION_H
/*
 * publication.h - one published message, shared by everybody who still has to
 * get it. Bytes and names are in one allocation, with room for a frame's header
 * in front of the bytes. What is made out of it to be sent (frames, compressed
 * or not) is made once, by whoever needs it first, and lives as long.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

/* In front of view.bytes, for a header: writable, and of whoever makes the frames. */
#define PUBLICATION_ROOM 16

/* What a publication consists of; borrowed. */
struct publication_view {
	weir_str scope; /* whose topic it is: a module's name; "": shared by all */
	weir_str name;	/* the topic's */
	weir_str bytes;
	bool is_binary;
	int64_t published_ms; /* the loop's clock */
};

struct publication {
	struct publication_view view; /* of what follows this struct */
	unsigned n_refs;
	unsigned n_logs; /* topic_logs': how many logs it is in */
	size_t size;	 /* of all of it, forms not counted */
	void *forms;	 /* what has been made out of it; NULL at first */
	void (*free_forms)(void *forms);
};

/* A copy of what is in view, with one reference; NULL without memory. */
struct publication *publication_new(const struct publication_view *view);

static inline struct publication *publication_ref(struct publication *p)
{
	p->n_refs++;
	return p;
}

struct publication *publication_free(struct publication *p);

/* Returns NULL. The last one frees it. */
static inline struct publication *publication_unref(struct publication *p)
{
	return p && --p->n_refs == 0 ? publication_free(p) : NULL;
}
DEFINE_CLEANUP(struct publication, publication_unref)

#endif
