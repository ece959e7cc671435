/*
 * h1_guard.c - one pass from control byte to control byte. In a sound head
 * these are its CRLFs, so what lies between is a line, judged by h1_line as
 * soon as it is whole.
 *
 * The hard thing: the verdict must not depend on how the bytes were cut into
 * pieces. So limits are looked at by position, before anything else at that
 * position is: a head that is too long is too long, whatever comes behind.
 */
#include "proto/h1_guard.h"

#include <assert.h>

#include "proto/h1_scan.h"
#include "proto/host.h"

static int refuse(enum fault fault, enum fault *reterr_fault)
{
	*reterr_fault = fault;
	return -EPROTO;
}

void h1_guard_init(struct h1_guard *g, enum h1_guard_state state)
{
	*g = (struct h1_guard){ .state = (uint8_t)state };
}

static bool is_in_line(const struct h1_guard *g)
{
	return g->state <= H1_GUARD_LINE;
}

/* The section must end, or this line of it, before the byte at this place. */
static size_t size_limit(const struct h1_guard *g, const struct h1_limits *limits)
{
	size_t line_limit = g->line + limits->max_target + H1_LINE_EXTRA + 1;

	return is_in_line(g) && line_limit < limits->max_head ? line_limit : limits->max_head;
}

static int refuse_size(const struct h1_guard *g, enum fault *reterr_fault)
{
	return refuse(is_in_line(g) ? FAULT_TARGET_TOO_LONG : FAULT_FIELDS_TOO_LARGE, reterr_fault);
}

static weir_str span_str(const char *bytes, struct h1_span span)
{
	return (weir_str){ bytes + span.at, span.len };
}

/* What only the whole head can tell. */
static int judge_head(const struct h1_facts *f, const struct h1_limits *limits, const char *bytes,
		      enum fault *reterr_fault)
{
	bool has_host = f->seen & H1_FACT_HOST;

	if (!has_host && f->version >= 11)
		return refuse(FAULT_H1_HOST_MISSING, reterr_fault);
	if (has_host && f->authority.len > 0 &&
	    !host_is_same(span_str(bytes, f->authority), span_str(bytes, f->host),
			  f->is_https ? 443 : 80))
		return refuse(FAULT_H1_HOST_MISMATCH, reterr_fault);
	/* RFC 9110, section 7.4: what asks for https must not be answered over less; nor the reverse. */
	if (f->authority.len > 0 && f->is_https != limits->is_secure)
		return refuse(FAULT_H1_MISDIRECTED, reterr_fault);
	if ((f->seen & H1_FACT_CHUNKED) && (f->seen & H1_FACT_LENGTH))
		return refuse(FAULT_H1_TE_AND_CL, reterr_fault);
	return 0;
}

static int on_field(struct h1_guard *g, const struct h1_limits *limits, const char *bytes,
		    size_t end, struct h1_field_at *fields, enum fault *reterr_fault)
{
	struct h1_field_at *at = fields + g->facts.n_fields;

	if (g->facts.n_fields >= limits->max_fields)
		return refuse(FAULT_FIELDS_TOO_LARGE, reterr_fault);
	if (g->state == H1_GUARD_TRAILER)
		return h1_line_trailer(&g->facts, bytes, g->line, end, at, reterr_fault);
	return h1_line_field(&g->facts, bytes, g->line, end, at, reterr_fault);
}

/* An empty line. 1: it ends the section. */
static int on_empty_line(struct h1_guard *g, const struct h1_limits *limits, const char *bytes,
			 enum fault *reterr_fault)
{
	int r;

	switch ((enum h1_guard_state)g->state) {
	case H1_GUARD_START:
		g->state = H1_GUARD_LINE;
		return 0;
	case H1_GUARD_FIELDS:
		r = judge_head(&g->facts, limits, bytes, reterr_fault);
		return r < 0 ? r : 1;
	case H1_GUARD_TRAILER:
		return 1;
	case H1_GUARD_LINE:
	default:
		return refuse(FAULT_H1_REQUEST_LINE, reterr_fault);
	}
}

/* The line from g->line to end is whole. 1: it was the last one. */
static int on_line(struct h1_guard *g, const struct h1_limits *limits, const char *bytes,
		   size_t end, struct h1_field_at *fields, enum fault *reterr_fault)
{
	int r;

	if (end == g->line)
		return on_empty_line(g, limits, bytes, reterr_fault);
	if (!is_in_line(g))
		return on_field(g, limits, bytes, end, fields, reterr_fault);
	r = h1_line_request(&g->facts, limits, bytes, g->line, end, reterr_fault);
	if (r < 0)
		return r;
	g->state = H1_GUARD_FIELDS;
	return 0;
}

/*
 * No whole line ends at this place: the bytes may end here, or a line that goes
 * on behind a tab, or the reader's patience. 1: go on behind it.
 */
static int on_stray(const struct h1_guard *g, const char *bytes, size_t at, size_t len,
		    size_t limit, enum fault *reterr_fault)
{
	/* A CR counts with its LF. */
	size_t last = at < len && bytes[at] == '\r' ? at + 1 : at;

	if (last >= limit)
		return refuse_size(g, reterr_fault);
	if (last >= len)
		return 0;
	if (bytes[at] == '\t')
		return is_in_line(g) ? refuse(FAULT_H1_REQUEST_LINE, reterr_fault) : 1;
	if (bytes[at] == '\n')
		return refuse(FAULT_H1_BARE_LF, reterr_fault);
	return refuse(bytes[at] == '\r' ? FAULT_H1_BARE_CR : FAULT_H1_CONTROL, reterr_fault);
}

int h1_guard_scan(struct h1_guard *g, const struct h1_limits *limits, const char *bytes, size_t len,
		  struct h1_field_at *fields, enum fault *reterr_fault)
{
	size_t pos = g->pos, limit = size_limit(g, limits), at;
	bool was_in_line;
	int r;

	assert(limits->max_head < UINT32_MAX && limits->max_fields <= UINT16_MAX);
	for (;;) {
		at = h1_scan_control(bytes, pos, len);
		if (!h1_scan_is_crlf(bytes, at, len) || at + 1 >= limit) {
			r = on_stray(g, bytes, at, len, limit, reterr_fault);
			if (r <= 0)
				break;
			pos = at + 1;
			continue;
		}
		was_in_line = is_in_line(g);
		r = on_line(g, limits, bytes, at, fields, reterr_fault);
		pos = at + 2;
		if (r != 0) {
			at = pos;
			break;
		}
		g->line = (uint32_t)pos;
		if (was_in_line)
			limit = size_limit(g, limits);
	}
	g->pos = (uint32_t)at;
	return r;
}
