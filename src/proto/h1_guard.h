#ifndef WEIR_PROTO_H1_GUARD_H
#define WEIR_PROTO_H1_GUARD_H
/*
 * h1_guard.h - finds the end of a head and refuses, on the way, everything
 * that RFC 9112 forbids, before any parser sees it. What it finds out depends
 * on the bytes only, never on how they arrived.
 */
#include "proto/h1_line.h"

enum h1_guard_state {
	H1_GUARD_START,	 /* before a request line; one empty line may come */
	H1_GUARD_LINE,	 /* in the request line */
	H1_GUARD_FIELDS, /* in a field, or in the empty line behind them */
	H1_GUARD_TRAILER /* the same, of a trailer section */
};

struct h1_guard {
	struct h1_facts facts;
	uint32_t pos;  /* bytes before this were judged */
	uint32_t line; /* where the line begins that pos is in */
	uint8_t state; /* enum h1_guard_state */
};

void h1_guard_init(struct h1_guard *g, enum h1_guard_state state);

/*
 * Goes on where it stopped: bytes are those of the last call and more behind.
 * 1: the section is complete and ends before g->pos; 0: it is sound so far,
 * more is needed; -EPROTO. fields: room for as many as the limits allow; the
 * n-th field that is found is noted in the n-th place.
 */
MUST_USE int h1_guard_scan(struct h1_guard *g, const struct h1_limits *limits, const char *bytes,
			   size_t len, struct h1_field_at *fields, enum fault *reterr_fault);

/* How many bytes stand before the request line: those of one empty line, or none. */
static inline size_t h1_guard_skipped(const char *bytes)
{
	return bytes[0] == '\r' ? 2 : 0;
}

#endif
