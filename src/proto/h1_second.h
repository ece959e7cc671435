#ifndef WEIR_PROTO_H1_SECOND_H
#define WEIR_PROTO_H1_SECOND_H
/*
 * h1_second.h - the second opinion: llhttp reads what the guard has let
 * through, says where everything stands, and h1_read compares.
 */
#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"

/* One run over contiguous bytes: what it should see, and what llhttp said. */
struct h1_second {
	const char *start;		       /* what is read */
	const weir_header *field, *fields_end; /* those it has not yet come by */
	size_t owed;			       /* bytes of the value of the one before that */
	weir_str target;
	weir_str piece; /* of the body */
	uint64_t length;
	bool is_chunked, is_head_over, is_message_over;
};

/* Before each head: llhttp remembers of a message whether another may follow. */
void h1_second_begin(llhttp_t *parser);

/* These fields should be there, in this order, and no others; without it, none. */
static inline void h1_second_expect(struct h1_second *s, const weir_header *fields, size_t n_fields)
{
	s->field = fields;
	/* Of no fields the array may be NULL, to which C adds not even 0. */
	s->fields_end = n_fields > 0 ? fields + n_fields : fields;
}

/* After the run: they were, with these values. */
static inline bool h1_second_saw_all(const struct h1_second *s)
{
	return s->field == s->fields_end && s->owed == 0;
}

/* Reads len bytes, and no more than one piece. -EPROTO, or 0. */
MUST_USE int h1_second_run(llhttp_t *parser, struct h1_second *second, size_t len,
			   enum fault *reterr_fault);

#ifdef H1_SECOND_SSE42
/* llhttp's own llhttp_execute(), compiled once more, with SSE4.2. For the test that compares. */
int sse42_llhttp__internal_execute(llhttp_t *parser, const char *bytes, const char *end);
#endif

#endif
