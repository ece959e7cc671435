#ifndef WEIR_PROTO_H1_QUICK_H
#define WEIR_PROTO_H1_QUICK_H
/*
 * h1_quick.h - the straight path through a usual head that is here as a whole.
 * It knows no faults: whatever it is not certain about it leaves to the guard,
 * and what it takes, the guard would take too, and find the same in it.
 */
#include "proto/h1_line.h"

/*
 * How long the head is that these bytes begin with; 0: ask the guard, for
 * which names in the bytes are perhaps lower-case now, and *f is to be cleared.
 * No limit of size is looked at: len must be within all of them. fields: room
 * for up to max_fields, names become lower-case; f->n_fields of them are there.
 */
size_t h1_quick_read(struct h1_facts *f, const struct h1_limits *limits, char *bytes, size_t len,
		     weir_header *fields, size_t max_fields);

#endif
